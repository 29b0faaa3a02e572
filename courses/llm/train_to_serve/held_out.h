// How well a model predicts texts that it has not seen, by the engine's own steps.
//
//   STRATA_ASSIGN_OR_RETURN(const HeldOut f32, Predict(*model, texts));
//   NatsPerToken(f32), Divergence(f32, q8_0) ...
#ifndef STRATA_COURSES_LLM_TRAIN_TO_SERVE_HELD_OUT_H_
#define STRATA_COURSES_LLM_TRAIN_TO_SERVE_HELD_OUT_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/engine/decoder_model.h"

namespace strata::courses {

struct HeldOut {
  int64_t vocabulary = 0;
  std::vector<int32_t> targets;    // every token of every text but the first
  std::vector<float> log_softmax;  // [targets, vocabulary]: log probabilities before each target
  double logit_variance = 0;       // see below
};

// Each text of two tokens or more gives predictions of all its tokens but the first, from what is before them in it. Texts
// share steps and a KV cache of f32. `logit_variance`: the mean over all predictions of the logits' variance over the
// vocabulary times (1 - sum of p^2), by which noise of the logits becomes divergence (see claims.cc).
absl::StatusOr<HeldOut> Predict(const inference::DecoderModel& model,
                                const std::vector<std::vector<int32_t>>& texts);

// The mean of -log p(target): the logarithm of the perplexity.
double NatsPerToken(const HeldOut& run);

// The mean Kullback-Leibler divergence of b's predictions from a's, in nats.
double Divergence(const HeldOut& a, const HeldOut& b);

// Entropy in nats a token of the ids' own frequencies, alone and after the token before: no model that knows only those
// frequencies, of that text itself, does better on it.
double UnigramEntropy(absl::Span<const int32_t> ids);
double BigramEntropy(absl::Span<const int32_t> ids);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_TRAIN_TO_SERVE_HELD_OUT_H_
