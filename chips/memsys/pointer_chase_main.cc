// Benchmark: the staircase of this machine's memory, measured and predicted by the cache model.
//
//   bazel run -c opt //chips/memsys:pointer_chase -- --json
//
// Capacities come from the Chip spec of this host, TLBs from its CPUID; staircase.h tells what is calibrated
// (rows with *) and what is predicted: "spec" with the capacities of the spec, "share" with our share of the
// last cache. Working sets are powers of two, and half-way between. The exit code is 1 when the mean error of
// the predictions with our share is more than --max-mean-error; 0 switches that off.
#include <algorithm>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "chips/memsys/host_tlb.h"
#include "chips/memsys/pointer_chase.h"
#include "chips/memsys/prediction_errors.h"
#include "chips/memsys/staircase.h"
#include "chips/spec/host/host.h"

namespace strata::chips::memsys {
namespace {

constexpr int kCalibrations = 4;  // chases of a latency, in memory anew each; the fastest counts

struct Flags {
  std::string replacement = "lru";
  StaircaseOptions stairs;
  int trials = 25;
  double max_mean_error = 0.35;  // a fraction of what is measured; 0: any will do
  bool json = false;
};

absl::StatusOr<double> Measure(int64_t lines, int64_t line_bytes, int trials) {
  // A few milliseconds at most.
  const int64_t loads = std::clamp<int64_t>(lines, 1 << 14, 1 << 15);
  return MeasureChase(RandomCycle(lines, /*seed=*/1), line_bytes, loads, trials);
}

absl::StatusOr<double> MeasureForCalibration(int64_t lines, int64_t line_bytes, int trials) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kCalibrations; ++i) {
    STRATA_ASSIGN_OR_RETURN(const double latency, Measure(lines, line_bytes, trials));
    best = std::min(best, latency);
  }
  return best;
}

struct Step {
  int64_t bytes = 0;
  bool calibrated = false;
  double measured = 0;  // nanoseconds a load
  Prediction predicted;

  double SpecError() const { return predicted.spec / measured - 1; }
  double ShareError() const { return predicted.share / measured - 1; }
};

absl::StatusOr<Step> TakeStep(int64_t bytes, const Staircase& staircase, int trials) {
  Step step;
  step.bytes = bytes;
  step.calibrated = std::count(staircase.calibrated.begin(), staircase.calibrated.end(), bytes) > 0;
  STRATA_ASSIGN_OR_RETURN(step.predicted, staircase.Predict(bytes));
  STRATA_ASSIGN_OR_RETURN(step.measured, Measure(bytes / kStairLine, kStairLine, trials));
  return step;
}

std::string Levels(const std::vector<double>& levels, bool json) {
  std::string text;
  for (const double level : levels) {
    absl::StrAppend(&text,
                    text.empty() ? ""
                    : json       ? ", "
                                 : " ",
                    json ? absl::StrFormat("%.4f", level) : absl::StrFormat("%5.1f", 100 * level));
  }
  return text;
}

void Print(const Step& step, bool json) {
  const std::string levels = Levels(step.predicted.level, json);
  if (json) {
    std::printf(
        "{\"bytes\": %lld, \"calibration\": %s, \"measured_ns\": %.3f, \"predicted_spec_ns\": "
        "%.3f, "
        "\"error_spec\": %.4f, \"predicted_share_ns\": %.3f, \"error_share\": %.4f, "
        "\"translation_ns\": %.3f, \"levels\": [%s]}\n",
        static_cast<long long>(step.bytes), step.calibrated ? "true" : "false", step.measured,
        step.predicted.spec, step.SpecError(), step.predicted.share, step.ShareError(),
        step.predicted.translation, levels.c_str());
    return;
  }
  std::printf("%9lld%c %9.2f %9.2f %+8.1f%% %9.2f %+8.1f%% %9.2f   %s\n",
              static_cast<long long>(step.bytes / 1024), step.calibrated ? '*' : ' ', step.measured,
              step.predicted.spec, 100 * step.SpecError(), step.predicted.share,
              100 * step.ShareError(), step.predicted.translation, levels.c_str());
}

void PrintTotals(const PredictionErrors& errors, const Staircase& staircase, bool json) {
  const long long share_bytes = staircase.share.levels.back().cache.bytes;
  std::printf(json
                  ? "{\"totals\": true, \"predicted_steps\": %d, \"mean_error_spec\": %.4f, "
                    "\"mean_error_share\": %.4f, \"share_bytes\": %lld}\n"
                  : "%d predicted steps; mean error %.3f of the spec's, %.3f with our share of the "
                    "last cache, %lld bytes\n",
              errors.steps(), errors.MeanSpec(), errors.MeanShare(), share_bytes);
}

absl::Status Run(const Flags& flags) {
  HostOptions options;
  options.quick = true;
  STRATA_ASSIGN_OR_RETURN(const Chip host, MeasureHost(options));
  STRATA_ASSIGN_OR_RETURN(const Staircase staircase,
                          Calibrate(host, flags.stairs, [&](int64_t lines, int64_t line_bytes) {
                            return MeasureForCalibration(lines, line_bytes, flags.trials);
                          }));
  if (!flags.json) {
    std::printf(
        "nanoseconds a load; TLBs of %lld and %lld entries\n%10s %9s %9s %9s %9s %9s %9s   %% by "
        "level "
        "(share), last the memory\n",
        static_cast<long long>(flags.stairs.first_tlb),
        static_cast<long long>(flags.stairs.second_tlb), "KiB", "measured", "spec", "error",
        "share", "error", "of it TLB");
  }
  PredictionErrors errors;
  const int64_t last = staircase.calibrated.back();
  for (int64_t power = 4096; power <= last; power *= 2) {
    for (const int64_t bytes : {power, power + power / 2}) {
      if (bytes > last) break;
      STRATA_ASSIGN_OR_RETURN(const Step step, TakeStep(bytes, staircase, flags.trials));
      Print(step, flags.json);
      if (!step.calibrated) errors.Add(step.predicted, step.measured);
    }
  }
  PrintTotals(errors, staircase, flags.json);
  return CheckMeanError(errors, flags.max_mean_error);
}

}  // namespace
}  // namespace strata::chips::memsys

int main(int argc, char** argv) {
  using strata::chips::memsys::HostTlb;
  using strata::chips::memsys::Replacement;
  strata::chips::memsys::Flags flags;
  const HostTlb tlb = strata::chips::memsys::ReadHostTlb();
  flags.stairs.first_tlb = tlb.first_entries;
  flags.stairs.second_tlb = tlb.second_entries;
  CLI::App app(
      "The staircase of this machine's memory, measured and predicted by the cache model.");
  app.add_option("--replacement", flags.replacement, "of all caches")
      ->capture_default_str()
      ->check(CLI::IsMember({"lru", "plru"}));
  app.add_option("--ways", flags.stairs.ways,
                 "of each cache, nearest first; the last holds for further ones")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_option("--first_tlb", flags.stairs.first_tlb, "entries; default: what the CPU tells")
      ->capture_default_str();
  app.add_option("--second_tlb", flags.stairs.second_tlb, "entries; default: what the CPU tells")
      ->capture_default_str();
  app.add_option("--trials", flags.trials, "runs of each chase; the fastest counts")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--max-mean-error", flags.max_mean_error,
                 "exit with code 1 when the mean error of the predictions with our share of the "
                 "last cache is more, as a fraction of what is measured; 0: never")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--json", flags.json, "one object a line");
  CLI11_PARSE(app, argc, argv);
  flags.stairs.replacement =
      flags.replacement == "lru" ? Replacement::kLru : Replacement::kTreePlru;
  const absl::Status status = strata::chips::memsys::Run(flags);
  if (!status.ok()) {
    std::fprintf(stderr, "pointer_chase: %s\n", std::string(status.message()).c_str());
  }
  return strata::ExitCode(status);
}
