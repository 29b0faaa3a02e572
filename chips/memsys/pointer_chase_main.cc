// Benchmark: the staircase of this machine's memory, measured and predicted by the cache model.
//
//   bazel run -c opt //chips/memsys:pointer_chase -- --json
//
// The Chip spec of this host tells the capacities of the caches, but no latencies, and not what share of the
// last cache, which other cores and other guests of the machine use too, is ours. Both are calibrated:
//
//   latencies  one chase a level (marked *): half of the first cache, then 1.5 times the cache before,
//              for the memory 4 times the last cache
//   share      of the last cache: chases between it and the one before, halving, until its latency turns
//              into that of the memory
//
// Every other row is a prediction: "spec" with the capacities of the spec, "share" with our share of the
// last cache. Working sets are powers of two, and half-way between.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "chips/memsys/pointer_chase.h"
#include "chips/spec/host/host.h"

namespace strata::chips::memsys {
namespace {

constexpr int64_t kLine = 64;
constexpr int kCalibrations = 4;  // chases of a latency, in memory anew each; the fastest counts

struct Flags {
  std::string replacement = "lru";
  std::vector<int64_t> ways = {8, 8, 16};
  int trials = 25;
  bool json = false;
};

absl::StatusOr<double> Measure(int64_t bytes, int trials) {
  const int64_t lines = bytes / kLine;
  const int64_t loads = std::clamp<int64_t>(lines, 1 << 14, 1 << 15);  // a few milliseconds at most
  return MeasureChase(RandomCycle(lines, /*seed=*/1), kLine, loads, trials);
}

struct Staircase {
  CacheHierarchyConfig spec;        // the caches of the host's spec, with measured latencies
  CacheHierarchyConfig share;       // the same, the last one as large as our share of it
  std::vector<int64_t> calibrated;  // bytes of the chases that gave the latencies
};

absl::StatusOr<double> CalibrateAt(int64_t bytes, const Flags& flags, Staircase* staircase) {
  staircase->calibrated.push_back(bytes);
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kCalibrations; ++i) {
    STRATA_ASSIGN_OR_RETURN(const double latency, Measure(bytes, flags.trials));
    best = std::min(best, latency);
  }
  return best;
}

absl::StatusOr<CacheHierarchyConfig> CalibrateSpec(const Chip& host, const Flags& flags,
                                                   Staircase* staircase) {
  CacheHierarchyConfig config;
  int64_t last = 0;
  for (const MemoryLevel& memory : host.memories()) {
    if (memory.kind() != CACHE) continue;
    const size_t i = config.levels.size();
    const int64_t bytes = static_cast<int64_t>(memory.capacity_bytes().value());
    CacheLevelConfig level;
    level.cache = {bytes, flags.ways[std::min(i, flags.ways.size() - 1)], kLine,
                   flags.replacement == "lru" ? Replacement::kLru : Replacement::kTreePlru};
    STRATA_ASSIGN_OR_RETURN(level.latency,
                            CalibrateAt(i == 0 ? bytes / 2 : last / 2 * 3, flags, staircase));
    config.levels.push_back(level);
    last = bytes;
  }
  if (last == 0) return absl::NotFoundError("the host's spec has no caches");
  STRATA_ASSIGN_OR_RETURN(config.memory_latency, CalibrateAt(4 * last, flags, staircase));
  return config;
}

// The largest working set, between the last two caches, that is still nearer to the last cache's latency
// than to the memory's (in ratio); in whole sets.
absl::StatusOr<int64_t> ShareOfLastCache(const CacheHierarchyConfig& spec, const Flags& flags) {
  const CacheLevelConfig& last = spec.levels.back();
  const int64_t sets_bytes = last.cache.ways * kLine;
  if (spec.levels.size() < 2) return last.cache.bytes;
  int64_t fits = spec.levels[spec.levels.size() - 2].cache.bytes / 2 * 3;
  int64_t too_large = last.cache.bytes;
  const double middle = std::sqrt(last.latency * spec.memory_latency);
  STRATA_ASSIGN_OR_RETURN(const double whole, Measure(too_large, flags.trials));
  if (whole < middle) return too_large;
  while (too_large - fits > fits / 8) {
    const int64_t half = (fits + too_large) / 2 / kLine * kLine;
    STRATA_ASSIGN_OR_RETURN(const double latency, Measure(half, flags.trials));
    (latency < middle ? fits : too_large) = half;
  }
  return fits / sets_bytes * sets_bytes;
}

absl::StatusOr<Staircase> Calibrate(const Chip& host, const Flags& flags) {
  Staircase staircase;
  STRATA_ASSIGN_OR_RETURN(staircase.spec, CalibrateSpec(host, flags, &staircase));
  staircase.share = staircase.spec;
  STRATA_ASSIGN_OR_RETURN(staircase.share.levels.back().cache.bytes,
                          ShareOfLastCache(staircase.spec, flags));
  return staircase;
}

struct Step {
  int64_t bytes = 0;
  bool calibrated = false;
  double measured = 0;  // nanoseconds a load
  ChaseResult spec, share;
};

double Error(const Step& step, const ChaseResult& predicted) {
  return predicted.mean_latency / step.measured - 1;
}

absl::StatusOr<ChaseResult> Predict(const std::vector<int32_t>& next,
                                    const CacheHierarchyConfig& config) {
  STRATA_ASSIGN_OR_RETURN(CacheHierarchy caches, CacheHierarchy::Make(config));
  return SimulateChase(next, kLine, &caches);
}

absl::StatusOr<Step> TakeStep(int64_t bytes, const Staircase& staircase, const Flags& flags) {
  Step step;
  step.bytes = bytes;
  step.calibrated = std::count(staircase.calibrated.begin(), staircase.calibrated.end(), bytes) > 0;
  const std::vector<int32_t> next = RandomCycle(bytes / kLine, /*seed=*/1);
  STRATA_ASSIGN_OR_RETURN(step.spec, Predict(next, staircase.spec));
  STRATA_ASSIGN_OR_RETURN(step.share, Predict(next, staircase.share));
  STRATA_ASSIGN_OR_RETURN(step.measured, Measure(bytes, flags.trials));
  return step;
}

std::string Shares(const ChaseResult& result, bool json) {
  std::string text;
  for (const double share : result.share) {
    absl::StrAppend(&text,
                    text.empty() ? ""
                    : json       ? ", "
                                 : " ",
                    json ? absl::StrFormat("%.4f", share) : absl::StrFormat("%5.1f", 100 * share));
  }
  return text;
}

void Print(const Step& step, bool json) {
  const double spec_error = Error(step, step.spec), share_error = Error(step, step.share);
  const std::string shares = Shares(step.share, json);
  if (json) {
    std::printf(
        "{\"bytes\": %lld, \"calibration\": %s, \"measured_ns\": %.3f, \"predicted_spec_ns\": "
        "%.3f, "
        "\"error_spec\": %.4f, \"predicted_share_ns\": %.3f, \"error_share\": %.4f, "
        "\"shares\": [%s]}\n",
        static_cast<long long>(step.bytes), step.calibrated ? "true" : "false", step.measured,
        step.spec.mean_latency, spec_error, step.share.mean_latency, share_error, shares.c_str());
    return;
  }
  std::printf("%9lld%c %9.2f %9.2f %+8.1f%% %9.2f %+8.1f%%   %s\n",
              static_cast<long long>(step.bytes / 1024), step.calibrated ? '*' : ' ', step.measured,
              step.spec.mean_latency, 100 * spec_error, step.share.mean_latency, 100 * share_error,
              shares.c_str());
}

struct Errors {
  double spec = 0, share = 0;
  int steps = 0;

  void Add(const Step& step) {
    spec += std::abs(Error(step, step.spec));
    share += std::abs(Error(step, step.share));
    ++steps;
  }
};

void PrintTotals(const Errors& errors, const Staircase& staircase, bool json) {
  const int steps = std::max(errors.steps, 1);
  const long long share_bytes = staircase.share.levels.back().cache.bytes;
  std::printf(json
                  ? "{\"totals\": true, \"predicted_steps\": %d, \"mean_error_spec\": %.4f, "
                    "\"mean_error_share\": %.4f, \"share_bytes\": %lld}\n"
                  : "%d predicted steps; mean error %.3f of the spec's, %.3f with our share of the "
                    "last cache, %lld bytes\n",
              errors.steps, errors.spec / steps, errors.share / steps, share_bytes);
}

absl::Status Run(const Flags& flags) {
  HostOptions options;
  options.quick = true;
  STRATA_ASSIGN_OR_RETURN(const Chip host, MeasureHost(options));
  STRATA_ASSIGN_OR_RETURN(const Staircase staircase, Calibrate(host, flags));
  if (!flags.json) {
    std::printf(
        "nanoseconds a load\n%10s %9s %9s %9s %9s %9s   %% by level (share), last the memory\n",
        "KiB", "measured", "spec", "error", "share", "error");
  }
  Errors errors;
  for (int64_t power = 4096; power <= staircase.calibrated.back(); power *= 2) {
    for (const int64_t bytes : {power, power + power / 2}) {
      if (bytes > staircase.calibrated.back()) break;
      STRATA_ASSIGN_OR_RETURN(const Step step, TakeStep(bytes, staircase, flags));
      Print(step, flags.json);
      if (!step.calibrated) errors.Add(step);
    }
  }
  PrintTotals(errors, staircase, flags.json);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::chips::memsys

int main(int argc, char** argv) {
  strata::chips::memsys::Flags flags;
  CLI::App app(
      "The staircase of this machine's memory, measured and predicted by the cache model.");
  app.add_option("--replacement", flags.replacement, "of all caches")
      ->capture_default_str()
      ->check(CLI::IsMember({"lru", "plru"}));
  app.add_option("--ways", flags.ways,
                 "of each cache, nearest first; the last holds for further ones")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_option("--trials", flags.trials, "runs of each chase; the fastest counts")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("--json", flags.json, "one object a line");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::chips::memsys::Run(flags);
  if (!status.ok()) {
    std::fprintf(stderr, "pointer_chase: %s\n", std::string(status.message()).c_str());
  }
  return strata::ExitCode(status);
}
