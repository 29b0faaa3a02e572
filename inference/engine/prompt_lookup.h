// PromptLookup: guesses that a text goes on as it did where its last tokens stood before. Costs nothing, and is right
// where answers repeat their prompts: code, summaries, quotations (Saxena, "Prompt Lookup Decoding", 2023).
#ifndef STRATA_INFERENCE_ENGINE_PROMPT_LOOKUP_H_
#define STRATA_INFERENCE_ENGINE_PROMPT_LOOKUP_H_

#include <cstdint>
#include <vector>

#include "inference/engine/speculator.h"

namespace strata::inference {

class PromptLookup : public Speculator {
 public:
  // Looks for the last `longest` tokens, then for fewer, down to one. `width`: different continuations at most; the
  // latest is the first path. All >= 1.
  PromptLookup(int64_t longest, int64_t width) : longest_(longest), width_(width) {}

  absl::StatusOr<std::vector<CandidateTree>> Propose(absl::Span<const Ask> asks) override;

 private:
  CandidateTree Guess(const Ask& ask) const;

  const int64_t longest_;
  const int64_t width_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_PROMPT_LOOKUP_H_
