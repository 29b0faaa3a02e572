// ProcessMetrics: what this process uses, under the names of Prometheus' client libraries (process_*).
//
//   ProcessMetrics metrics(registry);
//   metrics.Set();      // before the text is made; not thread-safe
#ifndef STRATA_INFERENCE_SERVER_PROCESS_METRICS_H_
#define STRATA_INFERENCE_SERVER_PROCESS_METRICS_H_

#include "inference/server/metric_registry.h"

namespace strata::inference {

class ProcessMetrics {
 public:
  explicit ProcessMetrics(MetricRegistry& registry);
  void Set();

 private:
  prometheus::Counter& cpu_seconds_;
  prometheus::Gauge &resident_bytes_, &virtual_bytes_, &open_files_, &threads_, &start_time_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_PROCESS_METRICS_H_
