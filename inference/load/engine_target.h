// EngineTarget: a load's requests given to an engine in this process, without HTTP: what a server adds to it can then be
// told by difference.
//
//   EngineTarget target(engine);
//   const LoadRun run = RunLoad(target, requests, times, {}, &clock);
//
// Greedy, end-of-text ignored; a chunk is a token. Texts are encoded by the engine's tokenizer.
#ifndef STRATA_INFERENCE_LOAD_ENGINE_TARGET_H_
#define STRATA_INFERENCE_LOAD_ENGINE_TARGET_H_

#include <memory>
#include <utility>

#include "inference/engine/engine.h"
#include "inference/load/load_generator.h"

namespace strata::inference {

class EngineTarget : public LoadTarget {
 public:
  explicit EngineTarget(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
  RequestTiming Send(const LoadRequest& request, const LoadClock& clock) override;

 private:
  const std::shared_ptr<Engine> engine_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_LOAD_ENGINE_TARGET_H_
