// The meaning of JSON schemas, for tests: an independent validator, random schemas, and random values that they allow.
#ifndef STRATA_INFERENCE_GRAMMAR_SCHEMA_ORACLE_H_
#define STRATA_INFERENCE_GRAMMAR_SCHEMA_ORACLE_H_

#include <random>

#include "nlohmann/json.hpp"

namespace strata::inference::grammar {

// Whether `value` is allowed, by the words of the specification.
bool SchemaAllows(const nlohmann::ordered_json& root, const nlohmann::ordered_json& schema,
                  const nlohmann::ordered_json& value);

// Of all keywords that have grammars, with a recursive $defs/node.
nlohmann::ordered_json RandomSchema(std::mt19937_64& random);

// A value that the schema (of RandomSchema) allows, with members in the schema's order.
nlohmann::ordered_json RandomValue(const nlohmann::ordered_json& root,
                                   const nlohmann::ordered_json& schema, std::mt19937_64& random);

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_SCHEMA_ORACLE_H_
