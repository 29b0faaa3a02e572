// Choosing the next token from logits.
//
//   Sampler sampler({.temperature = 0.8, .top_p = 0.9, .seed = 7}, prompt, /*ends=*/{eos});
//   STRATA_ASSIGN_OR_RETURN(int32_t token, sampler.Sample(logits));
//   sampler.Record(token);
//
// In this order, as vLLM does it:
//   1. logit_bias is added; before min_tokens, the tokens that end an answer are forbidden; with a grammar, all tokens
//      that it does not allow, and those that end an answer unless it may end there;
//   2. repetition_penalty (Keskar et al., CTRL 2019): the logit of each token that was in the prompt or the answer is
//      divided by it when positive, else multiplied; then frequency_penalty times the token's count in the answer and
//      presence_penalty, if it was there at all, are subtracted;
//   3. temperature 0 takes the greatest (of equals the smallest id); else the logits are divided by it;
//   4. min_p keeps tokens with at least min_p times the best one's probability;
//   5. top_k keeps the k best; 6. top_p the smallest set of the best ones with at least this share of what is left;
//   7. one of those is drawn by the uniform number Philox(seed, n) for the n-th token of the answer.
// So an answer depends on the logits, the options and the seed alone: not on batch, timing or speculation.
#ifndef STRATA_INFERENCE_ENGINE_SAMPLER_H_
#define STRATA_INFERENCE_ENGINE_SAMPLER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/grammar/token_grammar.h"

namespace strata::inference {

struct SamplingOptions {
  double temperature = 1.0;       // >= 0; 0 is greedy
  double top_p = 1.0;             // (0, 1]: smallest set of tokens with at least this probability
  int64_t top_k = 0;              // 0: all
  uint64_t seed = 0;              // the same seed gives the same text
  double min_p = 0;               // [0, 1]
  double repetition_penalty = 1;  // > 0; 1: none
  double presence_penalty = 0;    // [-2, 2]
  double frequency_penalty = 0;   // [-2, 2]
  std::map<int32_t, double> logit_bias = {};  // by token; finite
  int64_t min_tokens = 0;                     // >= 0
};

// INVALID_ARGUMENT names the field that is out of its domain.
absl::Status ValidateSampling(const SamplingOptions& options);

// The tokens that may be drawn, with weights in proportion to their probabilities.
struct Choices {
  std::vector<int32_t> tokens;  // empty: all, in order of id
  std::vector<double> weights;  // one a token; >= 0
  double total = 0;             // their sum; > 0
};

// Steps 3 to 6. `logits` [V] must not be empty, and hold neither NaN nor +infinity, and not only -infinity.
Choices ChooseTokens(absl::Span<const float> logits, const SamplingOptions& options);

// The token at `uniform` in [0, 1) of the cumulated weights.
int32_t Draw(const Choices& choices, double uniform);

// Two independent uniform numbers in [0, 1) for the n-th token: the draw, and one to accept a candidate by.
struct Uniforms {
  double draw;
  double accept;
};
Uniforms UniformsAt(uint64_t seed, uint64_t n);

// Steps 3 to 7: the n-th token of an answer (n counts from 0).
int32_t SampleToken(absl::Span<const float> logits, const SamplingOptions& options, uint64_t n);

// All steps for one answer: remembers what was drawn. Not thread-safe.
class Sampler {
 public:
  // `ends`: tokens that end the answer, forbidden before min_tokens. The options must be valid. `grammar` may be null.
  Sampler(SamplingOptions options, absl::Span<const int32_t> prompt, std::vector<int32_t> ends,
          std::shared_ptr<const grammar::TokenGrammar> grammar = nullptr);

  // The next token of the answer. Records nothing, so that it may be asked twice. INTERNAL when the logits are not
  // finite: the model is broken, or its weights. INVALID_ARGUMENT when the grammar is too hard (TokenMatcher) or allows
  // no token.
  absl::StatusOr<int32_t> Sample(absl::Span<const float> logits);

  // What Sample() draws from: steps 1 to 6.
  absl::StatusOr<Choices> Distribution(absl::Span<const float> logits);

  // Makes `token` part of the answer. After one that the grammar does not allow, Sample() fails.
  void Record(int32_t token);

  // How many of these tokens, from the first on, the grammar allows to come next; all without a grammar.
  size_t Allowed(absl::Span<const int32_t> tokens) const;
  bool has_grammar() const { return matcher_.has_value(); }
  // Whether the grammar has nothing to follow what was recorded.
  bool complete() const { return matcher_.has_value() && matcher_->must_end(); }

  uint64_t count() const { return count_; }  // tokens of the answer so far
  const SamplingOptions& options() const { return options_; }

 private:
  bool Adjusts() const;
  // The logits after steps 1 and 2: `logits` themselves where these change nothing.
  absl::StatusOr<absl::Span<const float>> Adjust(absl::Span<const float> logits);
  absl::Status Mask();
  void Penalise();
  bool Ends(int32_t token) const;

  SamplingOptions options_;
  std::vector<int32_t> ends_;
  bool penalties_;
  std::set<int32_t> seen_;             // in prompt or answer; only with penalties
  std::map<int32_t, int64_t> counts_;  // in the answer; only with penalties
  uint64_t count_ = 0;
  std::optional<grammar::TokenMatcher> matcher_;  // with a grammar
  absl::Status matched_;                          // whether it took all tokens
  std::vector<float> adjusted_;
};

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
