// Router: which handler answers which method and path; all else gets an OpenAI error object (404, 405).
#ifndef STRATA_INFERENCE_SERVER_ROUTER_H_
#define STRATA_INFERENCE_SERVER_ROUTER_H_

#include <memory>

#include "inference/server/serving.h"

namespace strata::inference {

// Answers one request and counts it in the metrics. Does not block.
void Route(Serving& serving, const HttpCall& call, const std::shared_ptr<HttpReply>& reply);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_ROUTER_H_
