// Speculator: guesses the next tokens of texts, so that one step of the model can check several at once (Leviathan,
// Kalman and Matias, "Fast Inference from Transformers via Speculative Decoding", ICML 2023). A guess changes how fast a
// text comes, never which.
#ifndef STRATA_INFERENCE_ENGINE_SPECULATOR_H_
#define STRATA_INFERENCE_ENGINE_SPECULATOR_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/engine/candidate_tree.h"
#include "inference/engine/sampler.h"

namespace strata::inference {

class Speculator {
 public:
  struct Ask {
    int64_t sequence = 0;              // the same for each Ask about one text, which only grows
    absl::Span<const int32_t> tokens;  // prompt and answer so far
    int64_t most = 0;                  // nodes wanted at most, >= 1
    int64_t depth = 0;                 // tokens of a path at most, >= 1
    const Sampler* sampler = nullptr;  // of the answer
  };

  virtual ~Speculator() = default;
  // One tree for each Ask, in their order; empty where there is no guess.
  virtual absl::StatusOr<std::vector<CandidateTree>> Propose(absl::Span<const Ask> asks) = 0;
  // The text has ended.
  virtual void Forget(int64_t sequence) { (void)sequence; }
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_SPECULATOR_H_
