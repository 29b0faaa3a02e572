// The fields of a request that bind the form of the answer:
//
//   response_format      {"type": "text"}, {"type": "json_object"}
//   structured_outputs   one of {"regex": "..."}, {"choice": ["...", ...]}, {"grammar": "..."}, {"json_object": true}
//   guided_regex, guided_choice, guided_grammar   the same by vLLM's older names
//
// What they say is in the rooms of inference/grammar: grammar_text.h, regex.h.
#ifndef STRATA_INFERENCE_SERVER_STRUCTURED_OUTPUT_H_
#define STRATA_INFERENCE_SERVER_STRUCTURED_OUTPUT_H_

#include <string>

#include "base/status.h"
#include "inference/server/request_fields.h"
#include "inference/server/serving.h"

namespace strata::inference {

// Reads them into request->grammar. INVALID_ARGUMENT names the field: for what is malformed, too large, left recursive,
// not supported, or given twice.
absl::Status ReadStructuredOutput(RequestFields* fields, Serving& serving,
                                  GenerateRequest* request);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_STRUCTURED_OUTPUT_H_
