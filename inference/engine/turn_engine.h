// The engine of models without a step over a ragged batch: requests take turns, each with a cache of its own.
#ifndef STRATA_INFERENCE_ENGINE_TURN_ENGINE_H_
#define STRATA_INFERENCE_ENGINE_TURN_ENGINE_H_

#include <memory>

#include "base/status.h"
#include "inference/engine/engine.h"

namespace strata::inference {

// The options must be valid. Knows greedy, temperature, top_p and top_k, stop strings; no n.
absl::StatusOr<std::unique_ptr<Engine>> CreateTurnEngine(std::shared_ptr<const DecoderModel> model,
                                                         std::shared_ptr<const Tokenizer> tokenizer,
                                                         const EngineOptions& options);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_TURN_ENGINE_H_
