// Routing: which experts a token goes to, and how much each of them counts.
#ifndef STRATA_LLM_MODEL_ROUTING_H_
#define STRATA_LLM_MODEL_ROUTING_H_

#include "llm/model/medium.h"

namespace strata::llm {

struct Route {
  Tensor ids;      // [R, k] i32, best first
  Tensor weights;  // [R, k]
};

// `scores` [R, E] weigh, `choice` [R, E] ranks. Experts of equal rank are taken in order.
Route ChooseExperts(const Experts& experts, const Tensor& scores, const Tensor& choice);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_ROUTING_H_
