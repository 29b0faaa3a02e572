// Answer: one of the answers to a request while it is made: samples, turns tokens into text, sees when it ends.
#ifndef STRATA_INFERENCE_ENGINE_ANSWER_H_
#define STRATA_INFERENCE_ENGINE_ANSWER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/engine/request.h"
#include "inference/engine/sampler.h"
#include "inference/engine/stop_filter.h"
#include "inference/engine/tokenizer.h"

namespace strata::inference {

class Answer {
 public:
  // The tokenizer must outlive the answer. `context`: tokens that prompt and answer may have; the one that no longer
  // fits is the last.
  Answer(std::shared_ptr<const GenerateRequest> request, const Tokenizer& tokenizer, int64_t choice,
         int64_t context);

  // The next token is `token`, by these logits of the model. False when the listener wants no more.
  bool Push(int32_t token, absl::Span<const float> logits, const OnToken& on_token);

  // Ends it from outside.
  void Abort() { finished_ = true, generation_.finish = FinishReason::kAborted; }

  bool finished() const { return finished_; }
  Sampler& sampler() { return sampler_; }
  Generation& generation() { return generation_; }
  int64_t choice() const { return choice_; }
  // Tokens it may still get.
  int64_t left() const;

 private:
  bool Ends(int32_t token) const;
  void Flush(const OnToken& on_token);

  const std::shared_ptr<const GenerateRequest> request_;
  const int64_t choice_;
  const int64_t most_;  // tokens
  std::vector<int32_t> ends_;
  Sampler sampler_;
  StopFilter filter_;
  Generation generation_;
  bool finished_ = false;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_ANSWER_H_
