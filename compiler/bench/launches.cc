// Benchmark: what it costs to launch a kernel. A chain of equal small kernels, each reading what
// the one before wrote, is run on the CPU with a parallel region for each kernel ("apart") and with
// one region for all of them, with a barrier between two ("shared"), in turn in one process.
//
//   bazel run -c opt //compiler/bench:launches
//   bazel run -c opt //compiler/bench:launches -- --threads=2 --kernels=64 --json
//
// Last comes the size from which a shared region gains less than a fiftieth; `plans` tells what the
// device does by counted work (compiler/device/launch_schedule.h), whose threshold is from here.
// With OMP_WAIT_POLICY=passive threads sleep where they wait, and both ways cost several times as
// much.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/device/cpu_device.h"
#include "compiler/device/launch_schedule.h"
#include "compiler/driver/compiler.h"
#include "framework/graph/builder.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {
namespace {

using graph::HostTensor;

struct Flags {
  int kernels = 64, threads = 2, repeats = 200;
  std::vector<int64_t> elements = {1 << 10, 1 << 12, 1 << 14, 1 << 15, 1 << 16,
                                   1 << 17, 1 << 18, 1 << 19, 1 << 20};
  bool json = false;
};

struct Result {
  int64_t elements = 0;
  double bytes = 0;  // read and written by a kernel
  int64_t parts = 1;
  bool shares = false;           // as the device plans it
  double apart = 0, shared = 0;  // microseconds a kernel, medians
  double ratio = 1;              // median of shared over apart
};

double Now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

// y = x factor factor ...: one product a kernel.
absl::StatusOr<graph::Graph> Chain(int64_t elements, int kernels) {
  graph::Builder b("chain");
  graph::ValueId y = b.Input("x", {chips::F32, {elements}}, graph::DATA);
  const graph::ValueId factor = b.Input("factor", {chips::F32, {elements}}, graph::DATA);
  for (int i = 0; i < kernels; ++i) y = b.Apply("mul", {y, factor});
  b.Output(y, "y");
  return std::move(b).Build();
}

absl::StatusOr<plan::Plan> Compile(const Flags& flags, int64_t elements) {
  STRATA_ASSIGN_OR_RETURN(const graph::Graph graph, Chain(elements, flags.kernels));
  STRATA_ASSIGN_OR_RETURN(auto compiler, CreateCompiler("strata"));
  CompileOptions options;
  options.skip_passes = {"fusion"};
  options.threads = flags.threads;
  STRATA_ASSIGN_OR_RETURN(plan::Plan plan, compiler->Compile(graph, chips::Chip(), options));
  if (plan.steps_size() != flags.kernels || !plan.steps(0).has_launch()) {
    return absl::InternalError(absl::StrCat("the plan has ", plan.steps_size(), " steps; ",
                                            flags.kernels, " launches were expected"));
  }
  return plan;
}

absl::StatusOr<std::unique_ptr<Executable>> Load(const Flags& flags, const plan::Plan& plan,
                                                 LaunchSharing sharing) {
  DeviceOptions options;
  options.threads = flags.threads;
  return CreateCpuDevice(options, sharing)->Load(plan);
}

absl::StatusOr<double> TimeRun(Executable* executable, const std::vector<HostTensor>& inputs) {
  const double start = Now();
  STRATA_RETURN_IF_ERROR(executable->Run(inputs, {}).status());
  return Now() - start;
}

absl::StatusOr<Result> Measure(const Flags& flags, int64_t elements) {
  STRATA_ASSIGN_OR_RETURN(const plan::Plan plan, Compile(flags, elements));
  STRATA_ASSIGN_OR_RETURN(auto apart, Load(flags, plan, LaunchSharing::kNever));
  STRATA_ASSIGN_OR_RETURN(auto shared, Load(flags, plan, LaunchSharing::kAlways));
  std::vector<HostTensor> inputs;
  for (int i = 0; i < 2; ++i) {
    inputs.push_back(HostTensor::Allocate(chips::F32, {elements}));
    std::fill_n(inputs.back().data<float>(), elements, 1.0f);
  }
  std::vector<double> apart_times, shared_times, ratios;
  for (int i = 0; i <= flags.repeats; ++i) {
    STRATA_ASSIGN_OR_RETURN(const double a, TimeRun(apart.get(), inputs));
    STRATA_ASSIGN_OR_RETURN(const double s, TimeRun(shared.get(), inputs));
    if (i == 0) continue;  // warm-up
    apart_times.push_back(a);
    shared_times.push_back(s);
    ratios.push_back(s / a);
  }
  Result result;
  result.elements = elements;
  result.bytes = plan.steps(0).bytes_read() + plan.steps(0).bytes_written();
  const std::vector<bool> all(static_cast<size_t>(plan.steps_size()), true);
  result.shares = !ScheduleLaunches(plan, all, flags.threads, LaunchSharing::kWhereItPays).empty();
  const auto regions = ScheduleLaunches(plan, all, flags.threads, LaunchSharing::kAlways);
  if (!regions.empty()) result.parts = regions[0].launches[0].parts;
  result.apart = 1e6 * Median(std::move(apart_times)) / flags.kernels;
  result.shared = 1e6 * Median(std::move(shared_times)) / flags.kernels;
  result.ratio = Median(std::move(ratios));
  return result;
}

void Print(const Flags& flags, const Result& r) {
  if (flags.json) {
    std::printf(
        "{\"elements\": %lld, \"bytes\": %.0f, \"threads\": %d, \"kernels\": %d, \"parts\": %lld, "
        "\"apart_microseconds\": %.3f, \"shared_microseconds\": %.3f, \"ratio\": %.3f, "
        "\"plans\": \"%s\"}\n",
        static_cast<long long>(r.elements), r.bytes, flags.threads, flags.kernels,
        static_cast<long long>(r.parts), r.apart, r.shared, r.ratio, r.shares ? "shared" : "apart");
    return;
  }
  std::printf("%9lld %9.0f %6lld %10.2f %10.2f %8.3f  %s\n", static_cast<long long>(r.elements),
              r.bytes / 1024, static_cast<long long>(r.parts), r.apart, r.shared, r.ratio,
              r.shares ? "shared" : "apart");
}

// The first size of several parts from which no measured one gains a fiftieth; 0 where the largest
// does.
double BytesWhereItEnds(const std::vector<Result>& results) {
  double bytes = 0;
  for (auto r = results.rbegin(); r != results.rend() && r->ratio > 0.98 && r->parts > 1; ++r)
    bytes = r->bytes;
  return bytes;
}

absl::Status Run(const Flags& flags) {
  RegisterAllCompilers();
  if (!flags.json) {
    std::printf("%d kernels in a chain, %d threads; microseconds a kernel, medians of %d\n",
                flags.kernels, flags.threads, flags.repeats);
    std::printf("%9s %9s %6s %10s %10s %8s  %s\n", "elements", "KiB", "parts", "apart", "shared",
                "ratio", "plans");
  }
  std::vector<Result> results;
  for (int64_t elements : flags.elements) {
    STRATA_ASSIGN_OR_RETURN(results.emplace_back(), Measure(flags, elements));
    Print(flags, results.back());
  }
  const double bytes = BytesWhereItEnds(results);
  if (flags.json) {
    std::printf("{\"gain_ends_at_bytes\": %.0f}\n", bytes);
  } else if (bytes > 0) {
    std::printf("gains less than a fiftieth from %.0f KiB a kernel\n", bytes / 1024);
  } else {
    std::printf("gains a fiftieth up to the largest size\n");
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::compiler

int main(int argc, char** argv) {
  strata::compiler::Flags flags;
  CLI::App app("Launching kernels: a parallel region for each, or one for a run of them.");
  app.add_option("--kernels", flags.kernels, "kernels in the chain")
      ->capture_default_str()
      ->check(CLI::Range(2, 4096));
  app.add_option("--threads", flags.threads, "threads")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--elements", flags.elements, "numbers a kernel, one or more sizes")
      ->capture_default_str()
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--repeats", flags.repeats, "measured runs of each way")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("--json", flags.json, "one object a line");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::compiler::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return strata::ExitCode(status);
}
