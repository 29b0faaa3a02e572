// JSON schemas (draft 2020-12, and what draft 7 and OpenAPI write otherwise) as grammars: each text of the grammar is a
// JSON text that the schema allows.
//
//   STRATA_ASSIGN_OR_RETURN(Grammar grammar, GrammarOfSchema(nlohmann::ordered_json::parse(text)));
//
// Properties come in the order of the schema, required ones always; JSON texts are as in json_rules.h. Not all that a
// schema allows can be written: an object with `properties` has no others unless additionalProperties says so, an array
// with `prefixItems` none behind them unless `items` does, and a schema without `type` has the types its keywords are
// about. What is written is always allowed.
//
//   any       type (a list too, nullable), enum, const, $ref into the schema (recursion too), $defs, anyOf, allOf where
//             keywords add up, oneOf where its alternatives cannot both match
//   string    minLength, maxLength; or pattern; or format: see string_formats.h
//   number    minimum, maximum, exclusiveMinimum, exclusiveMaximum; integer also multipleOf 1
//   object    properties, required, additionalProperties, propertyNames; minProperties and maxProperties where they are
//             certain to hold or there are no properties
//   array     items, prefixItems, additionalItems, minItems, maxItems
//
// Annotations (title, description, default, examples, x-...) bind nothing. Every other keyword is refused by name, for a
// schema that is not obeyed is worse than one that is refused. All errors are INVALID_ARGUMENT with the path.
#ifndef STRATA_INFERENCE_GRAMMAR_JSON_SCHEMA_H_
#define STRATA_INFERENCE_GRAMMAR_JSON_SCHEMA_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "inference/grammar/grammar.h"
#include "inference/grammar/json_rules.h"
#include "inference/grammar/schema_document.h"

namespace strata::inference::grammar {

absl::StatusOr<Grammar> GrammarOfSchema(const Schema& schema);

// The same from a JSON text.
absl::StatusOr<Grammar> GrammarOfSchemaText(absl::string_view text);

// Adds the rules of a schema to a grammar with other rules. `json` must be of the same grammar. The expression is what
// the schema allows.
absl::StatusOr<Expr> AddSchema(const Schema& schema, JsonRules* json, Grammar* grammar);

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_JSON_SCHEMA_H_
