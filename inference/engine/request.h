// What goes into the engine and what comes out: a request, its tokens one by one, and the finished text.
#ifndef STRATA_INFERENCE_ENGINE_REQUEST_H_
#define STRATA_INFERENCE_ENGINE_REQUEST_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "inference/engine/sampler.h"
#include "inference/grammar/token_grammar.h"

namespace strata::inference {

struct GenerateRequest {
  std::vector<int32_t> prompt;  // token ids; at least one
  int64_t max_tokens = 16;      // >= 0; bounded by the context as well
  SamplingOptions sampling;
  std::vector<std::string> stop;  // text at which generation ends; not part of the answer
  bool ignore_eos = false;
  int64_t top_logprobs = 0;  // likeliest tokens to report with each token
  // Tokens at which generation ends, beside the tokenizer's eos; not part of the answer. They hold with ignore_eos too.
  std::vector<int32_t> stop_tokens = {};
  // Special tokens that are written out in the text; the others give none.
  std::vector<int32_t> shown_tokens = {};
  int64_t n = 1;  // answers; answer i is sampled with seed + i. The prompt is computed once for all
  bool log_probabilities = true;  // false: TokenEvent.log_probability is 0, which saves time
  int64_t priority = 0;           // smaller goes first; see AdmissionOrder
  std::string user = {};          // requests are shared out fairly between users
  std::string cache_salt = {};    // prefixes are shared only with requests of the same salt
  // Each answer is a text of this grammar, made for the engine's tokenizer (MakeTokenTrie()); null: any text. An answer
  // that reaches max_tokens before is the beginning of such a text. Tokens that end an answer come only where the grammar
  // may end; where it must, the answer ends without one.
  std::shared_ptr<const grammar::TokenGrammar> grammar = nullptr;
};

enum class FinishReason { kStop, kLength, kAborted };

struct TokenEvent {
  int32_t token = 0;
  std::string text;            // complete UTF-8 that became certain with this token; may be empty
  double log_probability = 0;  // by the model: of log softmax(logits), before any sampling option
  std::vector<TokenLogProbability> top = {};  // `top_logprobs` of them, best first
  int64_t choice = 0;                         // which of the n answers
};

struct Generation {
  std::vector<int32_t> tokens;
  std::string text;
  FinishReason finish = FinishReason::kLength;
  double prefill_seconds = 0;  // first scheduled to first token
  double decode_seconds = 0;   // the rest; times of preemption included
  double queue_seconds = 0;    // arrival to first scheduled
  int64_t cached_tokens = 0;   // of the prompt, found in the prefix cache
  int64_t preemptions = 0;
  int64_t draft_tokens = 0;     // proposed by speculation
  int64_t accepted_tokens = 0;  // of those, that became part of the answer
};

// Called for each token, and with token -1 for text that was held back to the end. Returns false to abort the request.
using OnToken = std::function<bool(const TokenEvent&)>;
// Called once for each of the n answers, with the answer or with why there is none.
using OnDone = std::function<void(int64_t choice, const absl::StatusOr<Generation>&)>;

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_REQUEST_H_
