// ServerMetrics: what /metrics shows, under the names, labels and buckets of vLLM, so that its dashboards work.
//
//   metrics.RecordFirstToken(0.02);
//   metrics.RecordFinished("stop", sample);
//   reply->Send({.content_type = ServerMetrics::kContentType, .body = metrics.Text(engine->stats(), queued)});
//
// Thread-safe. All times are in seconds, by one monotonic clock.
#ifndef STRATA_INFERENCE_SERVER_METRICS_H_
#define STRATA_INFERENCE_SERVER_METRICS_H_

#include <cstdint>
#include <memory>
#include <string>

namespace strata::inference {

// One generation that came to its end.
struct GenerationSample {
  int64_t prompt_tokens = 0;
  int64_t generated_tokens = 0;
  int64_t max_tokens = 0;
  double queue_seconds = 0;    // arrival to start
  double prefill_seconds = 0;  // start to first token
  double decode_seconds = 0;   // first to last token
  double total_seconds = 0;    // arrival to last token
};

class ServerMetrics {
 public:
  static constexpr char kContentType[] = "text/plain; version=0.0.4; charset=utf-8";

  explicit ServerMetrics(const std::string& model_name);
  ~ServerMetrics();

  void RecordPrompt(int64_t tokens);
  void RecordFirstToken(double since_arrival);
  void RecordNextToken(double since_last);
  void RecordGeneratedToken();
  // `reason` is stop, length, abort or error.
  void RecordFinished(const std::string& reason, const GenerationSample& sample);
  void RecordHttp(const std::string& method, const std::string& handler, int status);

  // The exposition text; the two gauges are given by who knows them.
  std::string Text(int64_t running, int64_t waiting);

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_METRICS_H_
