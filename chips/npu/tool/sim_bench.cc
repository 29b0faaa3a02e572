// Benchmark: how fast the simulator is, in multiply-adds of the machine a second of this one, one thread.
//
//   bazel run -c opt //chips/npu:sim_bench
//   bazel run -c opt //chips/npu:sim_bench -- --machine=davinci_like --type=f16
//   bazel run -c opt //chips/npu:sim_bench -- --machine=tpu_v4_like --size=2048 --type=bf16 --json
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/status.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/new_core.h"
#include "chips/npu/sim/simulator.h"
#include "chips/npu/sim/verifier.h"
#include "chips/npu/tool/make_gemm.h"

namespace strata::chips::npu {
namespace {

struct Flags {
  std::string machine = "edge_16";
  std::string type = "i8";
  int64_t size = 512;
  int repeats = 3;
  bool json = false;
};

using Seconds = std::chrono::duration<double>;

// The fastest of `repeats` calls.
template <typename Work>
absl::StatusOr<double> Fastest(int repeats, const Work& work) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    STRATA_RETURN_IF_ERROR(work());
    best = std::min(best, Seconds(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

void Print(const Flags& flags, const char* what, double seconds, int64_t macs, int64_t cycles,
           int64_t instructions) {
  const double rate = static_cast<double>(macs) / seconds;
  const char* format =
      flags.json ? "{\"machine\": \"%s\", \"type\": \"%s\", \"size\": %lld, \"mode\": \"%s\", "
                   "\"seconds\": %.6f, \"macs_per_second\": %.4g, \"cycles\": %lld, "
                   "\"instructions\": %lld}\n"
                 : "%s, %s, %lld cubed, %-12s %9.6f s, %9.4g MAC/s, %lld cycles, %lld "
                   "instructions\n";
  std::printf(format, flags.machine.c_str(), flags.type.c_str(), static_cast<long long>(flags.size),
              what, seconds, rate, static_cast<long long>(cycles),
              static_cast<long long>(instructions));
}

absl::Status Run(const Flags& flags) {
  STRATA_ASSIGN_OR_RETURN(const Machine machine, FindMachine(flags.machine));
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Core> core, NewCore(machine));
  GemmRequest request;
  request.m = request.k = request.n = flags.size;
  request.type = flags.type;
  STRATA_ASSIGN_OR_RETURN(const Program program, MakeGemmFor(machine, request));
  STRATA_ASSIGN_OR_RETURN(MemoryImage image, NewImage(*core, program));
  std::vector<uint8_t>& dram = image[0];
  for (size_t i = 0; i < dram.size(); ++i) {
    dram[i] = i % 2 == 1 ? 0x3f : static_cast<uint8_t>(i * 2654435761u >> 24);
  }
  SimulationOptions options;
  Simulation run;
  const auto simulate = [&]() -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(run, Simulate(*core, program, options));
    return absl::OkStatus();
  };
  const auto verify = [&] { return Verify(*core, program); };
  STRATA_ASSIGN_OR_RETURN(const double timing, Fastest(flags.repeats, simulate));
  options.image = &image;
  STRATA_ASSIGN_OR_RETURN(const double exact, Fastest(flags.repeats, simulate));
  STRATA_ASSIGN_OR_RETURN(const double verifying, Fastest(flags.repeats, verify));
  const int64_t macs = Macs(*core, run);
  Print(flags, "exact", exact, macs, run.cycles, run.dispatched);
  Print(flags, "timing only", timing, macs, run.cycles, run.dispatched);
  Print(flags, "verifier", verifying, macs, run.cycles, run.dispatched);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::chips::npu

int main(int argc, char** argv) {
  strata::chips::npu::Flags flags;
  CLI::App app("Simulated multiply-adds a second, exact and timing only, of a square product.");
  app.add_option("--machine", flags.machine, "of the catalogue")->capture_default_str();
  app.add_option("--type", flags.type, "of the operands")
      ->check(CLI::IsMember({"i8", "bf16", "f16", "f8_e4m3", "f8_e5m2"}))
      ->capture_default_str();
  app.add_option("--size", flags.size, "m, k and n")
      ->check(CLI::Range(1, 16384))
      ->capture_default_str();
  app.add_option("--repeats", flags.repeats, "the fastest counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_flag("--json", flags.json, "one object a line");
  CLI11_PARSE(app, argc, argv);

  const absl::Status status = strata::chips::npu::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "sim_bench: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
