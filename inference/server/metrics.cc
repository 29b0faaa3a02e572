#include "inference/server/metrics.h"

#include <algorithm>
#include <mutex>

#include "inference/server/engine_metrics.h"
#include "inference/server/metric_registry.h"
#include "inference/server/process_metrics.h"

namespace strata::inference {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;
using Buckets = MetricRegistry::Buckets;

const Buckets kFirstToken = {.001, .005, .01, .02, .04, .06, .08, .1, .25, .5,  .75,
                             1,    2.5,  5,   7.5, 10,  20,  40,  80, 160, 640, 2560};
const Buckets kNextToken = {.01, .025, .05, .075, .1,  .15, .2, .3, .4, .5,
                            .75, 1,    2.5, 5,    7.5, 10,  20, 40, 80};
const Buckets kLatency = {.3, .5, .8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                          30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680};
const Buckets kTokens = {1,   2,    5,    10,   20,    50,    100,   200,
                         500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
const Buckets kChoices = {1, 2, 5, 10, 20};

}  // namespace

struct ServerMetrics::Families {
  explicit Families(const MetricRegistry::Labels& labels) : registry(labels) {}

  Histogram& Tokens(const char* name, const char* help) {
    return registry.Histogram(name, help, kTokens);
  }
  Histogram& Latency(const char* name, const char* help) {
    return registry.Histogram(name, help, kLatency);
  }

  MetricRegistry registry;
  std::mutex mutex;  // one text at a time
  EngineMetrics engine{registry};
  ProcessMetrics process{registry};
  Counter& prompt_tokens =
      registry.Counter("vllm:prompt_tokens_total", "Number of prompt tokens processed.");
  Counter& prompt_tokens_cached = registry.Counter("vllm:prompt_tokens_cached_total",
                                                   "Number of prompt tokens not computed again.");
  Family<Counter>& prompt_by_source = registry.Counters(
      "vllm:prompt_tokens_by_source_total", "Number of prompt tokens by where they came from.");
  Counter& generation_tokens =
      registry.Counter("vllm:generation_tokens_total", "Number of generated tokens.");
  Counter& corrupted = registry.Counter("vllm:corrupted_requests_total",
                                        "Requests that ended by a fault of the model or engine.");
  Family<Counter>& success =
      registry.Counters("vllm:request_success_total", "Number of finished requests, by reason.");
  Family<Counter>& http = registry.PlainCounters(
      "http_requests_total", "Number of HTTP requests by method, handler and status class.");
  Histogram& first_token = registry.Histogram("vllm:time_to_first_token_seconds",
                                              "From arrival to first token.", kFirstToken);
  Histogram& next_token =
      registry.Histogram("vllm:inter_token_latency_seconds", "Between tokens.", kNextToken);
  Histogram& per_token =
      registry.Histogram("vllm:request_time_per_output_token_seconds",
                         "Mean time between the tokens of a request.", kNextToken);
  Histogram& total = Latency("vllm:e2e_request_latency_seconds", "From arrival to last token.");
  Histogram& queue = Latency("vllm:request_queue_time_seconds", "Time in waiting.");
  Histogram& inference = Latency("vllm:request_inference_time_seconds", "Time in execution.");
  Histogram& prefill = Latency("vllm:request_prefill_time_seconds", "Start to first token.");
  Histogram& decode = Latency("vllm:request_decode_time_seconds", "First to last token.");
  Histogram& prompt = Tokens("vllm:request_prompt_tokens", "Prompt tokens of a request.");
  Histogram& computed = Tokens("vllm:request_prefill_kv_computed_tokens",
                               "Prompt tokens of a request that were not cached.");
  Histogram& generation =
      Tokens("vllm:request_generation_tokens", "Generated tokens of a request.");
  Histogram& longest = Tokens("vllm:request_max_num_generation_tokens",
                              "Generated tokens of the longest answer to a request.");
  Histogram& max_tokens =
      Tokens("vllm:request_params_max_tokens", "Parameter max_tokens of a request.");
  Histogram& n = registry.Histogram("vllm:request_params_n", "Parameter n of a request.", kChoices);
};

ServerMetrics::ServerMetrics(const std::string& model_name)
    : families_(std::make_unique<Families>(
          MetricRegistry::Labels{{"model_name", model_name}, {"engine", "0"}})) {
  for (const char* reason : {"stop", "length", "abort", "error"})
    families_->success.Add({{"finished_reason", reason}});
  for (const char* source : {"local_compute", "local_cache_hit", "external_kv_transfer"})
    families_->prompt_by_source.Add({{"source", source}});
}

ServerMetrics::~ServerMetrics() = default;

void ServerMetrics::RecordPrompt(int64_t tokens, int64_t cached) {
  Families& f = *families_;
  const auto all = static_cast<double>(tokens), hit = static_cast<double>(cached);
  f.prompt_tokens.Increment(all);
  f.prompt_tokens_cached.Increment(hit);
  f.prompt_by_source.Add({{"source", "local_compute"}}).Increment(all - hit);
  f.prompt_by_source.Add({{"source", "local_cache_hit"}}).Increment(hit);
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
  if (reason == "error") f.corrupted.Increment();
  if (reason == "abort" || reason == "error") return;
  f.total.Observe(sample.total_seconds);
  f.queue.Observe(sample.queue_seconds);
  f.inference.Observe(sample.prefill_seconds + sample.decode_seconds);
  f.prefill.Observe(sample.prefill_seconds);
  f.decode.Observe(sample.decode_seconds);
  f.prompt.Observe(static_cast<double>(sample.prompt_tokens));
  f.computed.Observe(static_cast<double>(sample.prompt_tokens - sample.cached_tokens));
  f.generation.Observe(static_cast<double>(sample.generated_tokens));
  f.max_tokens.Observe(static_cast<double>(sample.max_tokens));
  if (sample.generated_tokens > 1) {
    f.per_token.Observe(sample.decode_seconds / static_cast<double>(sample.generated_tokens - 1));
  }
}

void ServerMetrics::RecordRequest(int64_t n, int64_t longest) {
  families_->n.Observe(static_cast<double>(n));
  families_->longest.Observe(static_cast<double>(longest));
}

void ServerMetrics::RecordHttp(const std::string& method, const std::string& handler, int status) {
  const std::string status_class = std::to_string(status / 100) + "xx";
  families_->http.Add({{"method", method}, {"handler", handler}, {"status", status_class}})
      .Increment();
}

std::string ServerMetrics::Text(const EngineStats& stats) {
  const std::lock_guard<std::mutex> lock(families_->mutex);
  families_->engine.Set(stats);
  families_->process.Set();
  return families_->registry.Text();
}

}  // namespace strata::inference
