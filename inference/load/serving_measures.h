// ServingMeasures: what a load says about a server, as `vllm bench serve` defines it.
//
//   const ServingMeasures m = Summarize(timings, /*duration=*/12.5, {.percentiles = {99}, .goodput = {.ttft = 0.5}});
//   m.ttft.mean, m.request_goodput, ...
//
//   TTFT  sending of the request to its first chunk
//   TPOT  (latency - TTFT) / (output tokens - 1): one number a request that has two output tokens or more
//   ITL   gaps between consecutive chunks, of all requests in one pool
//   E2EL  sending of the request to its last chunk
//   goodput: completed requests a second that hold every given limit at once (TPOT of a request with one token is 0)
//
// Only requests that succeeded count, but for `failed`. Percentiles interpolate linearly between the two nearest values;
// the deviation is that of the population; of no values, all is 0. Times are seconds.
#ifndef STRATA_INFERENCE_LOAD_SERVING_MEASURES_H_
#define STRATA_INFERENCE_LOAD_SERVING_MEASURES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/load/request_timing.h"

namespace strata::inference {

// Limits in seconds.
struct GoodputLimits {
  std::optional<double> ttft = {};
  std::optional<double> tpot = {};
  std::optional<double> e2el = {};

  bool any() const { return ttft || tpot || e2el; }
};

// "ttft:500", "tpot:50", "e2el:2000": milliseconds. INVALID_ARGUMENT names what is wrong.
absl::StatusOr<GoodputLimits> ParseGoodput(const std::vector<std::string>& limits);

struct MeasureOptions {
  std::vector<double> percentiles = {99};  // each in [0, 100]
  GoodputLimits goodput = {};
};

struct Distribution {
  double mean = 0;
  double median = 0;
  double deviation = 0;
  std::vector<std::pair<double, double>> percentiles = {};  // (which, value), as asked for
};

struct ServingMeasures {
  double duration = 0;
  int64_t completed = 0;
  int64_t failed = 0;
  int64_t total_input = 0;
  int64_t total_output = 0;
  double request_throughput = 0;      // requests/s
  double request_goodput = 0;         // requests/s
  double output_throughput = 0;       // tokens/s
  double total_token_throughput = 0;  // tokens/s, input and output
  double max_output_tokens_per_s =
      0;  // chunks in the fullest second, counted from the first sending
  int64_t max_concurrent_requests = 0;
  Distribution ttft, tpot, itl, e2el;
};

ServingMeasures Summarize(absl::Span<const RequestTiming> timings, double duration,
                          const MeasureOptions& options);

// The percentile of values in any order, `percent` in [0, 100]; 0 of none.
double Percentile(std::vector<double> values, double percent);

// The samples behind the distributions, for plots: in order of the requests.
std::vector<double> Ttfts(absl::Span<const RequestTiming> timings);
std::vector<double> Tpots(absl::Span<const RequestTiming> timings);
std::vector<double> Itls(absl::Span<const RequestTiming> timings);
std::vector<double> E2els(absl::Span<const RequestTiming> timings);

// How many requests were under way: (time, count) at each change, from the first sending on.
std::vector<std::pair<double, int64_t>> Concurrency(absl::Span<const RequestTiming> timings);

// Chunks in each second since the first sending.
std::vector<int64_t> ChunksPerSecond(absl::Span<const RequestTiming> timings);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_LOAD_SERVING_MEASURES_H_
