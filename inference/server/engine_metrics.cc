#include "inference/server/engine_metrics.h"

#include <string>

namespace strata::inference {
namespace {

MetricRegistry::Buckets IterationBuckets() {
  MetricRegistry::Buckets buckets;
  for (int64_t bound : EngineStats::kIterationBounds) buckets.push_back(static_cast<double>(bound));
  return buckets;
}

// What vLLM counts and this engine has no part for: always 0.
void AddAbsentParts(MetricRegistry& registry) {
  registry.Counter("vllm:external_prefix_cache_queries_total",
                   "Tokens looked up in a prefix cache outside the engine; there is none.");
  registry.Counter("vllm:external_prefix_cache_hits_total",
                   "Tokens found in a prefix cache outside the engine; there is none.");
  registry.Counter("vllm:mm_cache_queries_total",
                   "Items looked up in the multi-modal cache; there is none.");
  registry.Counter("vllm:mm_cache_hits_total",
                   "Items found in the multi-modal cache; there is none.");
  auto& sleep = registry.Gauges("vllm:engine_sleep_state", "1 at the engine's state of sleep.");
  sleep.Add({{"sleep_state", "awake"}}).Set(1);
  sleep.Add({{"sleep_state", "weights_offloaded"}}).Set(0);
  sleep.Add({{"sleep_state", "discard_all"}}).Set(0);
}

}  // namespace

EngineMetrics::EngineMetrics(MetricRegistry& registry)
    : running_(registry.Gauge("vllm:num_requests_running", "Number of requests in execution.")),
      waiting_(registry.Gauge("vllm:num_requests_waiting",
                              "Number of requests that wait for their turn.")),
      waiting_capacity_(registry
                            .Gauges("vllm:num_requests_waiting_by_reason",
                                    "Number of requests that wait, by what they wait for.")
                            .Add({{"reason", "capacity"}})),
      waiting_deferred_(registry
                            .Gauges("vllm:num_requests_waiting_by_reason",
                                    "Number of requests that wait, by what they wait for.")
                            .Add({{"reason", "deferred"}})),
      cache_usage_(registry.Gauge("vllm:kv_cache_usage_perc",
                                  "Share of the KV cache that sequences hold; 1 is all.")),
      cache_config_(registry.Gauges("vllm:cache_config_info", "How the KV cache is laid out.")),
      prefix_queries_(registry.Counter("vllm:prefix_cache_queries_total",
                                       "Prompt tokens looked up in the prefix cache.")),
      prefix_hits_(registry.Counter("vllm:prefix_cache_hits_total",
                                    "Prompt tokens found in the prefix cache.")),
      preemptions_(registry.Counter("vllm:num_preemptions_total",
                                    "Sequences that gave their pages up for others.")),
      drafts_(registry.Counter("vllm:spec_decode_num_drafts_total",
                               "Times that candidates were verified.")),
      draft_tokens_(registry.Counter("vllm:spec_decode_num_draft_tokens_total",
                                     "Candidates that were verified.")),
      accepted_tokens_(registry.Counter("vllm:spec_decode_num_accepted_tokens_total",
                                        "Candidates that became text.")),
      accepted_per_position_(
          registry.Counters("vllm:spec_decode_num_accepted_tokens_per_pos_total",
                            "Candidates that became text, by their place in the draft.")),
      iterations_(registry.Histogram("vllm:iteration_tokens_total", "Tokens computed in a step.",
                                     IterationBuckets())) {
  AddAbsentParts(registry);
}

void EngineMetrics::Set(const EngineStats& stats) {
  running_.Set(static_cast<double>(stats.running));
  waiting_.Set(static_cast<double>(stats.waiting));
  waiting_capacity_.Set(static_cast<double>(stats.waiting));
  waiting_deferred_.Set(0);
  RaiseTo(preemptions_, static_cast<double>(stats.preemptions));
  SetCache(stats);
  SetSpeculation(stats);
  SetIterations(stats);
  last_ = stats;
}

void EngineMetrics::SetCache(const EngineStats& stats) {
  cache_usage_.Set(stats.kv_usage());
  RaiseTo(prefix_queries_, static_cast<double>(stats.prefix_queries));
  RaiseTo(prefix_hits_, static_cast<double>(stats.prefix_hits));
  if (stats.kv_pages == last_.kv_pages) return;
  cache_config_
      .Add({{"block_size", std::to_string(stats.page_size)},
            {"num_gpu_blocks", std::to_string(stats.kv_pages)},  // vLLM's name for pages
            {"kv_bytes", std::to_string(stats.kv_bytes)}})
      .Set(1);
}

void EngineMetrics::SetSpeculation(const EngineStats& stats) {
  RaiseTo(drafts_, static_cast<double>(stats.drafts));
  RaiseTo(draft_tokens_, static_cast<double>(stats.draft_tokens));
  RaiseTo(accepted_tokens_, static_cast<double>(stats.accepted_tokens));
  for (size_t i = 0; i < stats.accepted_per_position.size(); ++i) {
    RaiseTo(accepted_per_position_.Add({{"position", std::to_string(i)}}),
            static_cast<double>(stats.accepted_per_position[i]));
  }
}

void EngineMetrics::SetIterations(const EngineStats& stats) {
  if (stats.steps == last_.steps) return;
  std::vector<double> increments;
  for (size_t i = 0; i < stats.iteration_tokens.size(); ++i) {
    increments.push_back(
        static_cast<double>(stats.iteration_tokens[i] - last_.iteration_tokens[i]));
  }
  increments.push_back(0);  // beyond the last bound
  iterations_.ObserveMultiple(increments,
                              static_cast<double>(stats.step_tokens - last_.step_tokens));
}

}  // namespace strata::inference
