// Choosing the next token from logits.
#ifndef STRATA_INFERENCE_ENGINE_SAMPLER_H_
#define STRATA_INFERENCE_ENGINE_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"

namespace strata::inference {

struct SamplingOptions {
  double temperature = 1.0;  // >= 0; 0 is greedy
  double top_p = 1.0;        // (0, 1]: smallest set of tokens with at least this probability
  int64_t top_k = 0;         // 0: all
  uint64_t seed = 0;         // the same seed gives the same text
};

// INVALID_ARGUMENT names the field that is out of its domain.
absl::Status ValidateSampling(const SamplingOptions& options);

// The n-th choice of a sequence (n counts from 0): the draw depends on (seed, n) alone, not on
// batch or timing. Ties go to the smallest id. `logits` [V] must not be empty.
int32_t SampleToken(absl::Span<const float> logits, const SamplingOptions& options, uint64_t n);

// log softmax(logits)[token].
double LogProbability(absl::Span<const float> logits, int32_t token);

struct TokenLogProbability {
  int32_t token = 0;
  double log_probability = 0;
};

// The `count` likeliest tokens (all, if there are fewer), best first; ties by id.
std::vector<TokenLogProbability> TopLogProbabilities(absl::Span<const float> logits, int64_t count);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_SAMPLER_H_
