// ServerMetrics: what /metrics shows, under the names, labels and buckets of vLLM, so that its dashboards work.
//
//   metrics.RecordFirstToken(0.02);
//   metrics.RecordFinished("stop", sample);
//   reply->Send({.content_type = ServerMetrics::kContentType, .body = metrics.Text(engine->stats())});
//
// What the engine counts (cache, preemptions, speculation, steps) is taken from its stats when the text is asked for;
// requests are counted here as they come and go. Of vLLM's names these are left out, as there is nothing behind them:
// lora_requests_info, and kv_block_* (which vLLM has on demand only). Beside them: http_requests_total and the
// process_* metrics of Prometheus' client libraries. Thread-safe. All times are in seconds, by one monotonic clock.
#ifndef STRATA_INFERENCE_SERVER_METRICS_H_
#define STRATA_INFERENCE_SERVER_METRICS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "inference/engine/engine_stats.h"

namespace strata::inference {

// One answer that came to its end.
struct GenerationSample {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // of the prompt, found in the prefix cache
  int64_t generated_tokens = 0;
  int64_t max_tokens = 0;
  double queue_seconds = 0;    // arrival to first scheduled
  double prefill_seconds = 0;  // scheduled to first token
  double decode_seconds = 0;   // first to last token
  double total_seconds = 0;    // arrival to last token
};

class ServerMetrics {
 public:
  static constexpr char kContentType[] = "text/plain; version=0.0.4; charset=utf-8";

  explicit ServerMetrics(const std::string& model_name);
  ~ServerMetrics();

  // A prompt whose first token is out; `cached` of its tokens came from the prefix cache.
  void RecordPrompt(int64_t tokens, int64_t cached);
  void RecordFirstToken(double since_arrival);
  void RecordNextToken(double since_last);
  void RecordGeneratedToken();
  // `reason` is stop, length, abort or error.
  void RecordFinished(const std::string& reason, const GenerationSample& sample);
  // A request with all its answers: how many were asked for, and the tokens of the longest.
  void RecordRequest(int64_t n, int64_t longest);
  void RecordHttp(const std::string& method, const std::string& handler, int status);

  // The exposition text.
  std::string Text(const EngineStats& stats);

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_METRICS_H_
