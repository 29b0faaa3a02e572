#include "inference/server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <vector>

namespace strata::inference {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;
using prometheus::Registry;
using Buckets = Histogram::BucketBoundaries;

const Buckets kFirstToken = {.001, .005, .01, .02, .04, .06, .08, .1, .25, .5,  .75,
                             1,    2.5,  5,   7.5, 10,  20,  40,  80, 160, 640, 2560};
const Buckets kNextToken = {.01, .025, .05, .075, .1,  .15, .2, .3, .4, .5,
                            .75, 1,    2.5, 5,    7.5, 10,  20, 40, 80};
const Buckets kLatency = {.3, .5, .8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                          30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680};
const Buckets kTokens = {1,   2,    5,    10,   20,    50,    100,   200,
                         500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};

}  // namespace

struct ServerMetrics::Families {
  explicit Families(const Labels& labels) : labels(labels) {}

  Gauge& AddGauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Labels(labels).Register(registry).Add({});
  }
  Counter& AddCounter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Labels(labels).Register(registry).Add(
        {});
  }
  Histogram& AddHistogram(const char* name, const char* help, const Buckets& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Labels(labels).Register(registry).Add(
        {}, buckets);
  }

  Registry registry;
  const Labels labels;
  Gauge& running = AddGauge("vllm:num_requests_running", "Number of requests in model execution.");
  Gauge& waiting =
      AddGauge("vllm:num_requests_waiting", "Number of requests waiting to be processed.");
  Counter& prompt_tokens =
      AddCounter("vllm:prompt_tokens_total", "Number of prompt tokens processed.");
  Counter& generation_tokens =
      AddCounter("vllm:generation_tokens_total", "Number of generated tokens.");
  Family<Counter>& success = prometheus::BuildCounter()
                                 .Name("vllm:request_success_total")
                                 .Help("Number of finished requests, by reason.")
                                 .Labels(labels)
                                 .Register(registry);
  Family<Counter>& http = prometheus::BuildCounter()
                              .Name("http_requests_total")
                              .Help("Number of HTTP requests by method, handler and status class.")
                              .Register(registry);
  Histogram& first_token =
      AddHistogram("vllm:time_to_first_token_seconds", "From arrival to first token.", kFirstToken);
  Histogram& next_token =
      AddHistogram("vllm:inter_token_latency_seconds", "Between tokens.", kNextToken);
  Histogram& per_token = AddHistogram("vllm:request_time_per_output_token_seconds",
                                      "Mean time between the tokens of a request.", kNextToken);
  Histogram& total =
      AddHistogram("vllm:e2e_request_latency_seconds", "From arrival to last token.", kLatency);
  Histogram& queue = AddHistogram("vllm:request_queue_time_seconds", "Time in waiting.", kLatency);
  Histogram& inference =
      AddHistogram("vllm:request_inference_time_seconds", "Time in execution.", kLatency);
  Histogram& prefill =
      AddHistogram("vllm:request_prefill_time_seconds", "Start to first token.", kLatency);
  Histogram& decode =
      AddHistogram("vllm:request_decode_time_seconds", "First to last token.", kLatency);
  Histogram& prompt =
      AddHistogram("vllm:request_prompt_tokens", "Prompt tokens of a request.", kTokens);
  Histogram& generation =
      AddHistogram("vllm:request_generation_tokens", "Generated tokens of a request.", kTokens);
  Histogram& max_tokens =
      AddHistogram("vllm:request_params_max_tokens", "Parameter max_tokens of a request.", kTokens);
};

ServerMetrics::ServerMetrics(const std::string& model_name)
    : families_(std::make_unique<Families>(Labels{{"model_name", model_name}, {"engine", "0"}})) {
  for (const char* reason : {"stop", "length", "abort", "error"})
    families_->success.Add({{"finished_reason", reason}});
}

ServerMetrics::~ServerMetrics() = default;

void ServerMetrics::RecordPrompt(int64_t tokens) {
  families_->prompt_tokens.Increment(static_cast<double>(tokens));
}
void ServerMetrics::RecordFirstToken(double since_arrival) {
  families_->first_token.Observe(since_arrival);
}
void ServerMetrics::RecordNextToken(double since_last) {
  families_->next_token.Observe(since_last);
}
void ServerMetrics::RecordGeneratedToken() { families_->generation_tokens.Increment(); }

void ServerMetrics::RecordFinished(const std::string& reason, const GenerationSample& sample) {
  Families& f = *families_;
  f.success.Add({{"finished_reason", reason}}).Increment();
  if (reason == "abort" || reason == "error") return;
  f.total.Observe(sample.total_seconds);
  f.queue.Observe(sample.queue_seconds);
  f.inference.Observe(sample.prefill_seconds + sample.decode_seconds);
  f.prefill.Observe(sample.prefill_seconds);
  f.decode.Observe(sample.decode_seconds);
  f.prompt.Observe(static_cast<double>(sample.prompt_tokens));
  f.generation.Observe(static_cast<double>(sample.generated_tokens));
  f.max_tokens.Observe(static_cast<double>(sample.max_tokens));
  if (sample.generated_tokens > 1) {
    f.per_token.Observe(sample.decode_seconds / static_cast<double>(sample.generated_tokens - 1));
  }
}

void ServerMetrics::RecordHttp(const std::string& method, const std::string& handler, int status) {
  const std::string status_class = std::to_string(status / 100) + "xx";
  families_->http.Add({{"method", method}, {"handler", handler}, {"status", status_class}})
      .Increment();
}

std::string ServerMetrics::Text(int64_t running, int64_t waiting) {
  families_->running.Set(static_cast<double>(running));
  families_->waiting.Set(static_cast<double>(waiting));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families_->registry.Collect());
  return out.str();
}

}  // namespace strata::inference
