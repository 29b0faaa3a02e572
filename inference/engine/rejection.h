// The rejection rule of speculative sampling (Leviathan et al. 2023, algorithm 1): a candidate x that was drawn from q is
// kept with probability min(1, p(x) / q(x)); else a token is drawn from max(p - q, 0), normalised. What comes out is
// distributed as p, whatever q is.
#ifndef STRATA_INFERENCE_ENGINE_REJECTION_H_
#define STRATA_INFERENCE_ENGINE_REJECTION_H_

#include <cstdint>

#include "inference/engine/sampler.h"

namespace strata::inference {

struct Verdict {
  bool accepted = false;
  int32_t token = 0;  // the candidate, or what takes its place
};

// p: what the model draws from; q: what `candidate` was drawn from, with q(candidate) > 0. Over `vocabulary` tokens.
Verdict AcceptOrReplace(const Choices& p, const Choices& q, int32_t candidate,
                        const Uniforms& uniforms, int64_t vocabulary);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_REJECTION_H_
