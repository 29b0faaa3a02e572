#include "inference/load/serving_measures.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace strata::inference {
namespace {

double TpotOf(const RequestTiming& timing) {
  if (timing.output_tokens <= 1) return 0;
  return (timing.latency - timing.ttft) / static_cast<double>(timing.output_tokens - 1);
}

// One value a successful request that `wanted` lets through.
template <typename Value, typename Wanted>
std::vector<double> Collect(absl::Span<const RequestTiming> timings, const Value& value,
                            const Wanted& wanted) {
  std::vector<double> values;
  for (const RequestTiming& timing : timings) {
    if (timing.success && wanted(timing)) values.push_back(value(timing));
  }
  return values;
}

constexpr auto kAny = [](const RequestTiming&) { return true; };

// `sorted` must not be empty.
double PercentileOfSorted(const std::vector<double>& sorted, double percent) {
  const double position = percent / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - std::floor(position)) * (sorted[above] - sorted[below]);
}

Distribution DistributionOf(std::vector<double> values, const std::vector<double>& percentiles) {
  Distribution d;
  if (values.empty()) {
    for (double p : percentiles) d.percentiles.emplace_back(p, 0.0);
    return d;
  }
  std::sort(values.begin(), values.end());
  const auto count = static_cast<double>(values.size());
  for (double v : values) d.mean += v / count;
  for (double v : values) d.deviation += (v - d.mean) * (v - d.mean) / count;
  d.deviation = std::sqrt(d.deviation);
  d.median = PercentileOfSorted(values, 50);
  for (double p : percentiles) d.percentiles.emplace_back(p, PercentileOfSorted(values, p));
  return d;
}

bool Holds(const RequestTiming& timing, const GoodputLimits& limits) {
  return timing.ttft <= limits.ttft.value_or(std::numeric_limits<double>::infinity()) &&
         TpotOf(timing) <= limits.tpot.value_or(std::numeric_limits<double>::infinity()) &&
         timing.latency <= limits.e2el.value_or(std::numeric_limits<double>::infinity());
}

double FirstStart(absl::Span<const RequestTiming> timings) {
  double first = std::numeric_limits<double>::infinity();
  for (const RequestTiming& timing : timings) {
    if (timing.success) first = std::min(first, timing.start);
  }
  return first;
}

}  // namespace

absl::StatusOr<GoodputLimits> ParseGoodput(const std::vector<std::string>& limits) {
  GoodputLimits parsed;
  for (const std::string& limit : limits) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(limit, absl::MaxSplits(':', 1));
    double milliseconds = 0;
    if (!absl::SimpleAtod(parts.second, &milliseconds) || !(milliseconds >= 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("goodput: \"", limit, "\" is not NAME:MILLISECONDS, such as ttft:500"));
    }
    std::optional<double>* target = parts.first == "ttft"   ? &parsed.ttft
                                    : parts.first == "tpot" ? &parsed.tpot
                                    : parts.first == "e2el" ? &parsed.e2el
                                                            : nullptr;
    if (target == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("goodput: \"", parts.first, "\" is none of ttft, tpot, e2el"));
    }
    if (target->has_value()) {
      return absl::InvalidArgumentError(absl::StrCat("goodput: ", parts.first, " is given twice"));
    }
    *target = milliseconds / 1e3;
  }
  return parsed;
}

ServingMeasures Summarize(absl::Span<const RequestTiming> timings, double duration,
                          const MeasureOptions& options) {
  ServingMeasures m;
  m.duration = duration;
  int64_t good = 0;
  for (const RequestTiming& timing : timings) {
    if (!timing.success) {
      ++m.failed;
      continue;
    }
    ++m.completed;
    m.total_input += timing.prompt_tokens;
    m.total_output += timing.output_tokens;
    if (options.goodput.any() && Holds(timing, options.goodput)) ++good;
  }
  const auto rate = [&](int64_t count) {
    return duration > 0 ? static_cast<double>(count) / duration : 0.0;
  };
  m.request_throughput = rate(m.completed);
  m.request_goodput = rate(good);
  m.output_throughput = rate(m.total_output);
  m.total_token_throughput = rate(m.total_input + m.total_output);
  for (int64_t chunks : ChunksPerSecond(timings)) {
    m.max_output_tokens_per_s = std::max(m.max_output_tokens_per_s, static_cast<double>(chunks));
  }
  for (const auto& [time, count] : Concurrency(timings))
    m.max_concurrent_requests = std::max(m.max_concurrent_requests, count);
  m.ttft = DistributionOf(Ttfts(timings), options.percentiles);
  m.tpot = DistributionOf(Tpots(timings), options.percentiles);
  m.itl = DistributionOf(Itls(timings), options.percentiles);
  m.e2el = DistributionOf(E2els(timings), options.percentiles);
  return m;
}

double Percentile(std::vector<double> values, double percent) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return PercentileOfSorted(values, percent);
}

std::vector<double> Ttfts(absl::Span<const RequestTiming> timings) {
  return Collect(
      timings, [](const RequestTiming& t) { return t.ttft; }, kAny);
}

std::vector<double> Tpots(absl::Span<const RequestTiming> timings) {
  return Collect(timings, TpotOf, [](const RequestTiming& t) { return t.output_tokens > 1; });
}

std::vector<double> E2els(absl::Span<const RequestTiming> timings) {
  return Collect(
      timings, [](const RequestTiming& t) { return t.latency; }, kAny);
}

std::vector<double> Itls(absl::Span<const RequestTiming> timings) {
  std::vector<double> gaps;
  for (const RequestTiming& timing : timings) {
    if (timing.success) gaps.insert(gaps.end(), timing.gaps.begin(), timing.gaps.end());
  }
  return gaps;
}

std::vector<std::pair<double, int64_t>> Concurrency(absl::Span<const RequestTiming> timings) {
  const double first = FirstStart(timings);
  std::vector<std::pair<double, int64_t>> changes;
  for (const RequestTiming& timing : timings) {
    if (!timing.success) continue;
    changes.emplace_back(timing.start - first, 1);
    changes.emplace_back(timing.start - first + timing.latency, -1);
  }
  std::sort(changes.begin(), changes.end());  // at one time, those that leave go first
  int64_t count = 0;
  for (auto& change : changes) change.second = count += change.second;
  return changes;
}

std::vector<int64_t> ChunksPerSecond(absl::Span<const RequestTiming> timings) {
  const double first = FirstStart(timings);
  std::vector<int64_t> seconds;
  const auto count = [&](double time) {
    const auto second = static_cast<size_t>(std::max(time, 0.0));
    if (second >= seconds.size()) seconds.resize(second + 1);
    ++seconds[second];
  };
  for (const RequestTiming& timing : timings) {
    if (!timing.success) continue;
    double time = timing.start - first + timing.ttft;
    count(time);
    for (double gap : timing.gaps) count(time += gap);
  }
  return seconds;
}

}  // namespace strata::inference
