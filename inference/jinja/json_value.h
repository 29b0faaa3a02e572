// Between values and JSON: data for a template, and the filter tojson.
//
//   Value messages = *ValueFromJson(request["messages"], Origin::kData, &heap);
//   TextBuilder out(&heap);
//   WriteJson(messages, {.indent = "  "}, &out);
//
// Written as Python's json.dumps does (and so as Hugging Face's chat templates expect it): ", " and ": " between the
// parts, floats by their shortest digits, no escapes for HTML.
#ifndef STRATA_INFERENCE_JINJA_JSON_VALUE_H_
#define STRATA_INFERENCE_JINJA_JSON_VALUE_H_

#include <optional>
#include <string>

#include "inference/jinja/text_builder.h"
#include "inference/jinja/value.h"
#include "nlohmann/json_fwd.hpp"

namespace strata::inference::jinja {

// Strings and keys get `origin`. Integers beyond 64 bits become floats. RESOURCE_EXHAUSTED for JSON nested deeper than
// the heap's limit.
absl::StatusOr<Value> ValueFromJson(const nlohmann::ordered_json& json, Origin origin, Heap* heap);
absl::StatusOr<Value> ValueFromJson(const nlohmann::json& json, Origin origin, Heap* heap);

struct JsonStyle {
  bool ascii = false;                                   // escape all other characters
  bool sort_keys = false;                               // by their bytes
  std::optional<std::string> indent;                    // of a level; unset: one line
  std::optional<std::string> between_items, after_key;  // unset: ", " (with indent ",") and ": "
};

// INVALID_ARGUMENT for values that JSON has not: undefined, functions.
absl::Status WriteJson(const Value& value, const JsonStyle& style, TextBuilder* out);

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_JSON_VALUE_H_
