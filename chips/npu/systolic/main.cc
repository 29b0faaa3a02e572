// Cycles and utilisation of a network's layers on a systolic array, as SCALE-Sim counts them.
//
//   bazel run //chips/npu:systolic -- --topology=$PWD/alexnet.csv --array=32x32 --dataflow=ws --json
//   bazel run //chips/npu:systolic -- --topology=$PWD/alexnet.csv --array=128x128 --dataflow=os --honest
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "CLI/CLI.hpp"
#include "base/file.h"
#include "base/status.h"
#include "chips/npu/systolic/report.h"

namespace strata::chips::systolic {
namespace {

struct Flags {
  std::string topology;
  std::string array = "32x32";
  std::string dataflow = "ws";
  TopologyKind type = TopologyKind::kAuto;
  bool json = false;
  bool honest = false;
};

// Under `bazel run` relative paths mean the user's folder, not the runfiles.
std::string UserPath(const std::string& path) {
  const char* folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (folder == nullptr || path.empty() || path[0] == '/') return path;
  return JoinPath(folder, path);
}

absl::Status Run(const Flags& flags) {
  STRATA_ASSIGN_OR_RETURN(const ArrayShape array, ParseArrayShape(flags.array));
  STRATA_ASSIGN_OR_RETURN(const Dataflow dataflow, ParseDataflow(flags.dataflow));
  STRATA_ASSIGN_OR_RETURN(const Topology topology,
                          ReadTopology(UserPath(flags.topology), flags.type));
  const TopologyReport report = RunTopology(topology, array, dataflow);
  const std::string text =
      flags.json ? JsonReport(report, flags.honest) : TextReport(report, flags.honest);
  std::fputs(text.c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::chips::systolic

int main(int argc, char** argv) {
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
  app.add_flag("--honest", flags.honest,
               "also the cycles of an array whose folds overlap, and what each overlap saves");
  app.add_flag("--json", flags.json, "one object a line: a layer each, last the totals");
  CLI11_PARSE(app, argc, argv);

  const absl::Status status = strata::chips::systolic::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "systolic: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
