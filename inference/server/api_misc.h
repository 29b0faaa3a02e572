// The small endpoints, answered at once.
//   GET  /v1/models, /v1/models/{id}, /health, /version, /metrics
//   POST /tokenize    {"prompt":"..."} or {"messages":[...]} -> {"count","max_model_len","tokens","token_strs"}
//                     (options: model, add_special_tokens, return_token_strs; with messages those of
//                     /apply-template too)
//   POST /detokenize  {"tokens":[...]} -> {"prompt":"..."}
#ifndef STRATA_INFERENCE_SERVER_API_MISC_H_
#define STRATA_INFERENCE_SERVER_API_MISC_H_

#include "inference/server/serving.h"

namespace strata::inference {

absl::Status HandleModels(Serving& serving, const HttpCall& call,
                          const std::shared_ptr<HttpReply>& reply);
absl::Status HandleModel(Serving& serving, const HttpCall& call,
                         const std::shared_ptr<HttpReply>& reply);
absl::Status HandleHealth(Serving& serving, const HttpCall& call,
                          const std::shared_ptr<HttpReply>& reply);
absl::Status HandleVersion(Serving& serving, const HttpCall& call,
                           const std::shared_ptr<HttpReply>& reply);
absl::Status HandleMetrics(Serving& serving, const HttpCall& call,
                           const std::shared_ptr<HttpReply>& reply);
absl::Status HandleTokenize(Serving& serving, const HttpCall& call,
                            const std::shared_ptr<HttpReply>& reply);
absl::Status HandleDetokenize(Serving& serving, const HttpCall& call,
                              const std::shared_ptr<HttpReply>& reply);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_API_MISC_H_
