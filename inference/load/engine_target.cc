#include "inference/load/engine_target.h"

#include <string>

namespace strata::inference {

RequestTiming EngineTarget::Send(const LoadRequest& request, const LoadClock& clock) {
  GenerateRequest generate;
  generate.prompt = request.ids.empty() ? engine_->tokenizer().Encode(request.text) : request.ids;
  generate.max_tokens = request.output_tokens;
  generate.sampling.temperature = 0;
  generate.ignore_eos = true;
  generate.log_probabilities = false;  // as a server whose client does not ask for them
  const auto prompt = static_cast<int64_t>(generate.prompt.size());
  StreamTimer timer(clock.Now());
  const absl::StatusOr<Generation> done = engine_->Generate(generate, [&](const TokenEvent& event) {
    if (event.token >= 0) timer.OnChunk(clock.Now());
    return true;
  });
  if (!done.ok()) return timer.Fail(std::string(done.status().message()), clock.Now());
  return timer.Finish(prompt, static_cast<int64_t>(done->tokens.size()));
}

}  // namespace strata::inference
