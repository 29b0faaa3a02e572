// Cycles and utilisation of a network's layers on a systolic array, as SCALE-Sim counts them.
//
//   bazel run //chips/npu:systolic -- --topology=alexnet.csv --array=32x32 --dataflow=ws --json
//   bazel run //chips/npu:systolic -- --topology=alexnet.csv --array=128x128 --dataflow=os --honest
//   bazel run //chips/npu:systolic -- --topology=alexnet.csv --memory=user --sram_kib=64 --bandwidth=10
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/status.h"
#include "base/user_folder.h"
#include "chips/npu/systolic/report.h"

namespace strata::chips::systolic {
namespace {

struct Flags {
  std::string topology;
  std::string array = "32x32";
  std::string dataflow = "ws";
  TopologyKind type = TopologyKind::kAuto;
  std::string memory = "none";
  std::vector<int64_t> sram_kib = {1024};
  int64_t bandwidth = 10;
  bool json = false;
  bool honest = false;
};

// One size for the three scratchpads, or ifmap's, filter's and ofmap's.
absl::StatusOr<std::optional<MemoryConfig>> Memory(const Flags& flags) {
  if (flags.memory == "none") return std::optional<MemoryConfig>();
  const std::vector<int64_t>& kib = flags.sram_kib;
  if (kib.size() != 1 && kib.size() != 3) {
    return absl::InvalidArgumentError("sram_kib: give one size, or three: ifmap,filter,ofmap");
  }
  MemoryConfig memory{flags.memory == "user" ? MemoryMode::kUser : MemoryMode::kCalc,
                      kib.front() * 1024, kib[kib.size() / 2] * 1024, kib.back() * 1024,
                      flags.bandwidth};
  STRATA_RETURN_IF_ERROR(CheckMemory(memory));
  return std::optional<MemoryConfig>(memory);
}

absl::Status Run(const Flags& flags) {
  STRATA_ASSIGN_OR_RETURN(const ArrayShape array, ParseArrayShape(flags.array));
  STRATA_ASSIGN_OR_RETURN(const Dataflow dataflow, ParseDataflow(flags.dataflow));
  STRATA_ASSIGN_OR_RETURN(const Topology topology, ReadTopology(flags.topology, flags.type));
  STRATA_ASSIGN_OR_RETURN(const std::optional<MemoryConfig> memory, Memory(flags));
  STRATA_ASSIGN_OR_RETURN(const TopologyReport report,
                          RunTopology(topology, array, dataflow, memory));
  const std::string text =
      flags.json ? JsonReport(report, flags.honest) : TextReport(report, flags.honest);
  std::fputs(text.c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::chips::systolic

int main(int argc, char** argv) {
  strata::EnterUserFolder();
  using strata::chips::systolic::TopologyKind;
  strata::chips::systolic::Flags flags;
  CLI::App app(
      "Cycles and utilisation of a network's layers on a systolic array, as SCALE-Sim counts "
      "them.");
  app.add_option(
         "--topology", flags.topology,
         "SCALE-Sim's CSV: convolutions (name, ifmap and filter height and width, channels, "
         "filters, stride) or products (name, M, N, K)")
      ->required();
  app.add_option("--array", flags.array, "rows x columns of PEs")->capture_default_str();
  app.add_option("--dataflow", flags.dataflow, "ws, os or is: weight, output or input stationary")
      ->capture_default_str();
  const std::map<std::string, TopologyKind> types = {{"auto", TopologyKind::kAuto},
                                                     {"conv", TopologyKind::kConvolution},
                                                     {"gemm", TopologyKind::kGemm}};
  app.add_option("--type", flags.type, "of the file: auto (by its heading), conv or gemm")
      ->transform(CLI::CheckedTransformer(types, CLI::ignore_case));
  app.add_option(
         "--memory", flags.memory,
         "none: no stalls, closed forms; calc: SCALE-Sim's estimate of scratchpads and DRAM; "
         "user: DRAM of a given bandwidth stalls the array")
      ->capture_default_str()
      ->check(CLI::IsMember({"none", "calc", "user"}));
  app.add_option("--sram_kib", flags.sram_kib,
                 "KiB of each scratchpad, or ifmap,filter,ofmap (calc and user)")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20));
  app.add_option("--bandwidth", flags.bandwidth, "words a cycle of each scratchpad to DRAM (user)")
      ->capture_default_str();
  app.add_flag("--honest", flags.honest,
               "also the cycles of an array whose folds overlap, and what each overlap saves");
  app.add_flag("--json", flags.json, "one object a line: a layer each, last the totals");
  CLI11_PARSE(app, argc, argv);

  const absl::Status status = strata::chips::systolic::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "systolic: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
