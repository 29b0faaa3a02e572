// A load's measures as text: the table that users of `vllm bench serve` know, and its JSON.
//
//   const LoadSetting setting = {.model = "tiny", .requests = 100, .rate = 4};
//   std::cout << MeasuresTable(setting, measures);
//   std::cout << MeasuresJson(setting, measures, run.timings, /*detailed=*/false) << "\n";
//
// Times are milliseconds in both. JSON fields: backend, model_id, num_prompts, request_rate (a number, or "inf"),
// burstiness, max_concurrency (null: no limit), duration, completed, failed, total_input_tokens, total_output_tokens,
// request_throughput, request_goodput (with limits only), output_throughput, total_token_throughput,
// max_output_tokens_per_s, max_concurrent_requests, and {mean,median,std,p<percentile>}_{ttft,tpot,itl,e2el}_ms;
// detailed also input_lens, output_lens, start_times, ttfts, itls, errors (seconds, one entry a request).
#ifndef STRATA_INFERENCE_LOAD_LOAD_REPORT_H_
#define STRATA_INFERENCE_LOAD_LOAD_REPORT_H_

#include <cstdint>
#include <limits>
#include <string>

#include "absl/types/span.h"
#include "inference/load/serving_measures.h"

namespace strata::inference {

struct LoadSetting {
  std::string backend = "openai";
  std::string model = {};
  int64_t requests = 0;
  double rate = std::numeric_limits<double>::infinity();  // requests/s
  double burstiness = 1;
  int64_t max_concurrency = 0;  // 0: no limit
  GoodputLimits goodput = {};
};

std::string MeasuresTable(const LoadSetting& setting, const ServingMeasures& measures);

// One object on one line.
std::string MeasuresJson(const LoadSetting& setting, const ServingMeasures& measures,
                         absl::Span<const RequestTiming> timings, bool detailed);

// "99" for 99, "99.9" for 99.9.
std::string PercentName(double percent);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_LOAD_LOAD_REPORT_H_
