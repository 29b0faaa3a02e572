#include "inference/engine/answer.h"

#include <algorithm>
#include <utility>

namespace strata::inference {
namespace {

SamplingOptions OfChoice(SamplingOptions options, int64_t choice) {
  options.seed += static_cast<uint64_t>(choice);
  return options;
}

std::vector<int32_t> EndTokens(const GenerateRequest& request, const Tokenizer& tokenizer) {
  std::vector<int32_t> ends = request.stop_tokens;
  if (!request.ignore_eos && tokenizer.eos().has_value()) ends.push_back(*tokenizer.eos());
  return ends;
}

}  // namespace

Answer::Answer(std::shared_ptr<const GenerateRequest> request, const Tokenizer& tokenizer,
               int64_t choice, int64_t context)
    : request_(std::move(request)),
      choice_(choice),
      most_(std::min(request_->max_tokens,
                     context + 1 - static_cast<int64_t>(request_->prompt.size()))),
      ends_(EndTokens(*request_, tokenizer)),
      sampler_(OfChoice(request_->sampling, choice), request_->prompt, ends_, request_->grammar),
      filter_(tokenizer, request_->stop, request_->shown_tokens) {
  finished_ = most_ <= 0 || sampler_.complete();
  if (sampler_.complete()) generation_.finish = FinishReason::kStop;
}

int64_t Answer::left() const {
  return finished_ ? 0 : most_ - static_cast<int64_t>(generation_.tokens.size());
}

bool Answer::Ends(int32_t token) const {
  return std::find(ends_.begin(), ends_.end(), token) != ends_.end();
}

bool Answer::Push(int32_t token, absl::Span<const float> logits, const OnToken& on_token) {
  sampler_.Record(token);
  if (Ends(token)) {
    generation_.finish = FinishReason::kStop;
    Flush(on_token);
    return true;
  }
  generation_.tokens.push_back(token);
  TokenEvent event;
  event.token = token;
  event.text = filter_.Push(token);
  event.choice = choice_;
  if (request_->log_probabilities) event.log_probability = LogProbability(logits, token);
  event.top = TopLogProbabilities(logits, request_->top_logprobs);
  generation_.text += event.text;
  if (on_token && !on_token(event)) {
    Abort();
    generation_.text += filter_.Flush();
    return false;
  }
  const bool stops = filter_.stopped() || sampler_.complete();
  if (stops) generation_.finish = FinishReason::kStop;
  if (stops || left() == 0) Flush(on_token);
  return true;
}

void Answer::Flush(const OnToken& on_token) {
  finished_ = true;
  TokenEvent event;
  event.token = -1;
  event.text = filter_.Flush();
  event.choice = choice_;
  generation_.text += event.text;
  if (!event.text.empty() && on_token) on_token(event);
}

}  // namespace strata::inference
