// The fields of a request that bind the form of the answer:
//
//   response_format      {"type": "text"}, {"type": "json_object"},
//                        {"type": "json_schema", "json_schema": {"name", "schema": {...}, "strict"}}
//   structured_outputs   one of {"json": {...}}, {"regex": "..."}, {"choice": ["...", ...]}, {"grammar": "..."},
//                        {"json_object": true}
//   guided_json, guided_regex, guided_choice, guided_grammar   the same by vLLM's older names
//
// What they say is written in inference/grammar: json_schema.h, regex.h, grammar_text.h.
#ifndef STRATA_INFERENCE_SERVER_STRUCTURED_OUTPUT_H_
#define STRATA_INFERENCE_SERVER_STRUCTURED_OUTPUT_H_

#include <string>

#include "base/status.h"
#include "inference/server/request_fields.h"
#include "inference/server/serving.h"

namespace strata::inference {

// Reads them into request->grammar. `body` is the text that `fields` came from: it has the order of the keys.
// INVALID_ARGUMENT names the field: for what is malformed, too large, left recursive, not supported, or given twice.
absl::Status ReadStructuredOutput(RequestFields* fields, const std::string& body, Serving& serving,
                                  GenerateRequest* request);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_STRUCTURED_OUTPUT_H_
