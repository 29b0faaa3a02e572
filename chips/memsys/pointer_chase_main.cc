// Benchmark: the staircase of this machine's memory, measured and predicted by the cache model.
//
//   bazel run -c opt //chips/memsys:pointer_chase -- --json
//
// Capacities come from the Chip spec of this host. A spec has no latencies: one chase a level (marked *),
// over half of the level, and over four times the last for the memory, calibrates them; every other row is a
// prediction. Working sets lie between powers of two and half-way between.
#include <algorithm>
#include <cmath>
#include <cstdio>
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

// The caches of the host's spec, with latencies measured in the middle of each.
struct Staircase {
  CacheHierarchyConfig config;
  std::vector<int64_t> calibrated;  // bytes of the chases that gave the latencies
};

absl::StatusOr<Staircase> Calibrate(const Chip& host, const Flags& flags) {
  Staircase staircase;
  const auto calibrate = [&](int64_t bytes) {
    staircase.calibrated.push_back(bytes);
    return Measure(bytes, flags.trials);
  };
  int64_t last = 0;
  for (const MemoryLevel& memory : host.memories()) {
    if (memory.kind() != CACHE) continue;
    const size_t i = staircase.config.levels.size();
    last = static_cast<int64_t>(memory.capacity_bytes().value());
    CacheLevelConfig level;
    level.cache = {last, flags.ways[std::min(i, flags.ways.size() - 1)], kLine,
                   flags.replacement == "lru" ? Replacement::kLru : Replacement::kTreePlru};
    STRATA_ASSIGN_OR_RETURN(level.latency, calibrate(last / 2));
    staircase.config.levels.push_back(level);
  }
  if (last == 0) return absl::NotFoundError("the host's spec has no caches");
  STRATA_ASSIGN_OR_RETURN(staircase.config.memory_latency, calibrate(4 * last));
  return staircase;
}

struct Step {
  int64_t bytes = 0;
  bool calibrated = false;
  double measured = 0;  // nanoseconds a load
  ChaseResult predicted;

  double Error() const { return predicted.mean_latency / measured - 1; }
};

absl::StatusOr<Step> TakeStep(int64_t bytes, const Staircase& staircase, const Flags& flags) {
  Step step;
  step.bytes = bytes;
  for (const int64_t calibrated : staircase.calibrated) step.calibrated |= calibrated == bytes;
  STRATA_ASSIGN_OR_RETURN(CacheHierarchy caches, CacheHierarchy::Make(staircase.config));
  step.predicted = SimulateChase(RandomCycle(bytes / kLine, /*seed=*/1), kLine, &caches);
  STRATA_ASSIGN_OR_RETURN(step.measured, Measure(bytes, flags.trials));
  return step;
}

void Print(const Step& step, bool json) {
  std::string shares;
  for (const double share : step.predicted.share) {
    absl::StrAppendFormat(&shares, json ? "%s%.4f" : "%s%6.1f",
                          shares.empty() ? ""
                          : json         ? ", "
                                         : " ",
                          json ? share : 100 * share);
  }
  if (json) {
    std::printf(
        "{\"bytes\": %lld, \"calibration\": %s, \"measured_ns\": %.3f, \"predicted_ns\": %.3f, "
        "\"error\": %.4f, \"shares\": [%s]}\n",
        static_cast<long long>(step.bytes), step.calibrated ? "true" : "false", step.measured,
        step.predicted.mean_latency, step.Error(), shares.c_str());
    return;
  }
  std::printf("%9lld%c %10.2f %10.2f %+8.1f%%   %s\n", static_cast<long long>(step.bytes / 1024),
              step.calibrated ? '*' : ' ', step.measured, step.predicted.mean_latency,
              100 * step.Error(), shares.c_str());
}

absl::Status Run(const Flags& flags) {
  HostOptions options;
  options.quick = true;
  STRATA_ASSIGN_OR_RETURN(const Chip host, MeasureHost(options));
  STRATA_ASSIGN_OR_RETURN(const Staircase staircase, Calibrate(host, flags));
  if (!flags.json) {
    std::printf("%10s %10s %10s %9s   %% of loads by level, last the memory\n", "KiB", "measured",
                "predicted", "error");
  }
  double sum = 0;
  int predicted = 0;
  for (int64_t power = 4096; power <= staircase.calibrated.back(); power *= 2) {
    for (const int64_t bytes : {power, power + power / 2}) {
      if (bytes > staircase.calibrated.back()) break;
      STRATA_ASSIGN_OR_RETURN(const Step step, TakeStep(bytes, staircase, flags));
      Print(step, flags.json);
      if (step.calibrated) continue;
      sum += std::abs(step.Error());
      ++predicted;
    }
  }
  const double mean = predicted == 0 ? 0 : sum / predicted;
  if (flags.json) {
    std::printf("{\"totals\": true, \"predicted_steps\": %d, \"mean_error\": %.4f}\n", predicted,
                mean);
  } else {
    std::printf("nanoseconds a load; mean error of the %d predicted steps %.1f %%\n", predicted,
                100 * mean);
  }
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
      ->check(CLI::PositiveNumber);
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
