// MetricRegistry: counters, gauges and histograms with the labels of one served model, as Prometheus text.
//
//   MetricRegistry registry({{"model_name", "tiny"}});
//   prometheus::Gauge& running = registry.Gauge("vllm:num_requests_running", "Requests in execution.");
#ifndef STRATA_INFERENCE_SERVER_METRIC_REGISTRY_H_
#define STRATA_INFERENCE_SERVER_METRIC_REGISTRY_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <string>
#include <utility>

namespace strata::inference {

class MetricRegistry {
 public:
  using Labels = prometheus::Labels;
  using Buckets = prometheus::Histogram::BucketBoundaries;

  explicit MetricRegistry(Labels labels) : labels_(std::move(labels)) {}

  prometheus::Family<prometheus::Gauge>& Gauges(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Labels(labels_).Register(registry_);
  }
  prometheus::Family<prometheus::Counter>& Counters(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Labels(labels_).Register(registry_);
  }
  prometheus::Gauge& Gauge(const char* name, const char* help) {
    return Gauges(name, help).Add({});
  }
  prometheus::Counter& Counter(const char* name, const char* help) {
    return Counters(name, help).Add({});
  }
  prometheus::Histogram& Histogram(const char* name, const char* help, const Buckets& buckets) {
    return prometheus::BuildHistogram()
        .Name(name)
        .Help(help)
        .Labels(labels_)
        .Register(registry_)
        .Add({}, buckets);
  }

  // Without the labels of the model: for what is of the process.
  prometheus::Family<prometheus::Counter>& PlainCounters(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
  }
  prometheus::Gauge& PlainGauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add({});
  }

  std::string Text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, registry_.Collect());
    return out.str();
  }

 private:
  prometheus::Registry registry_;
  const Labels labels_;
};

// Brings a counter to a total that is counted elsewhere.
inline void RaiseTo(prometheus::Counter& counter, double total) {
  if (total > counter.Value()) counter.Increment(total - counter.Value());
}

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_METRIC_REGISTRY_H_
