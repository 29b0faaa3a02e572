// EngineMetrics: an engine's own counts (EngineStats) under vLLM's names.
//
//   EngineMetrics metrics(registry);
//   metrics.Set(engine->stats());      // before the text is made; not thread-safe
#ifndef STRATA_INFERENCE_SERVER_ENGINE_METRICS_H_
#define STRATA_INFERENCE_SERVER_ENGINE_METRICS_H_

#include <vector>

#include "inference/engine/engine_stats.h"
#include "inference/server/metric_registry.h"

namespace strata::inference {

class EngineMetrics {
 public:
  explicit EngineMetrics(MetricRegistry& registry);
  void Set(const EngineStats& stats);

 private:
  void SetCache(const EngineStats& stats);
  void SetSpeculation(const EngineStats& stats);
  void SetIterations(const EngineStats& stats);

  prometheus::Gauge &running_, &waiting_;
  prometheus::Gauge &waiting_capacity_, &waiting_deferred_;
  prometheus::Gauge& cache_usage_;
  prometheus::Family<prometheus::Gauge>& cache_config_;
  prometheus::Counter &prefix_queries_, &prefix_hits_, &preemptions_;
  prometheus::Counter &drafts_, &draft_tokens_, &accepted_tokens_;
  prometheus::Family<prometheus::Counter>& accepted_per_position_;
  prometheus::Histogram& iterations_;
  EngineStats last_;  // what was set
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_ENGINE_METRICS_H_
