// The differential fuzzer: random programs, compiled and run on the CPU or on simulated NPUs, against the interpreter.
//
//   bazel run -c opt //compiler/tools:fuzz -- --seconds=60 --seed=1
//   bazel run -c opt //compiler/tools:fuzz -- --device=npu --seconds=60
//   bazel run -c opt //compiler/tools:fuzz -- --family=packed --seconds=60
//   bazel run -c opt //compiler/tools:fuzz -- --only=4711        # one case again, in full
//
// A failing case prints its seed and settings, is reduced, and is written to --output as fuzz-SEED.graph. Ends with 1
// when there was one.
#include <chrono>
#include <cstdio>
#include <map>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/status.h"
#include "base/user_folder.h"
#include "compiler/tools/fuzz_case.h"
#include "framework/graph/text.h"

namespace strata::compiler {
namespace {

struct Flags {
  double seconds = 60;
  double reduce_seconds = 60;
  uint32_t seed = 1;
  int64_t only = -1;
  int nodes = 24;
  int64_t elements = 4096;
  int max_failures = 10;
  std::string output = ".";
  std::string device = "cpu";
  std::string family;
  bool json = false;
  bool reduce = true;
};

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

absl::Status Report(const Flags& flags, const FuzzCase& fuzz_case, const Finding& finding) {
  std::printf("seed %u (%s): %s: %s\n", fuzz_case.seed, fuzz_case.Settings().c_str(),
              KindName(finding.kind), finding.message.c_str());
  std::fflush(stdout);
  if (!flags.reduce) return absl::OkStatus();
  ReduceOptions options;
  options.max_seconds = flags.reduce_seconds;
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReducedText(fuzz_case, finding, options));
  const std::string path = JoinPath(flags.output, absl::StrCat("fuzz-", fuzz_case.seed, ".graph"));
  STRATA_RETURN_IF_ERROR(WriteFileAtomic(path, text));
  std::printf("reduced to %s:\n%s\n", path.c_str(), text.c_str());
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags, int* failures) {
  if (flags.reduce) STRATA_RETURN_IF_ERROR(MakeDirectories(flags.output));
  const RandomProgramOptions options{flags.nodes, flags.elements, flags.family};
  const double start = Now();
  std::map<std::string, int> kinds;
  int64_t cases = 0, nodes = 0;
  const uint32_t first = flags.only >= 0 ? static_cast<uint32_t>(flags.only) : flags.seed;
  for (uint32_t seed = first; Now() - start < flags.seconds && *failures < flags.max_failures;
       ++seed) {
    STRATA_ASSIGN_OR_RETURN(const FuzzCase fuzz_case, MakeFuzzCase(seed, options, flags.device));
    if (flags.only >= 0) std::printf("%s", graph::PrintGraph(fuzz_case.graph).c_str());
    STRATA_ASSIGN_OR_RETURN(const Finding finding, CheckFuzzCase(fuzz_case));
    ++cases;
    nodes += fuzz_case.graph.nodes_size();
    ++kinds[KindName(finding.kind)];
    if (IsFault(finding)) {
      ++*failures;
      STRATA_RETURN_IF_ERROR(Report(flags, fuzz_case, finding));
    }
    if (flags.only >= 0) break;
  }
  if (flags.json) {
    std::printf(
        "{\"first_seed\": %u, \"cases\": %d, \"nodes\": %d, \"seconds\": %.1f, \"failures\": %d}\n",
        first, static_cast<int>(cases), static_cast<int>(nodes), Now() - start, *failures);
    return absl::OkStatus();
  }
  std::printf("%d programs of %d nodes in %.1f s from seed %u:", static_cast<int>(cases),
              static_cast<int>(nodes), Now() - start, first);
  for (const auto& [kind, count] : kinds) std::printf("  %s %d", kind.c_str(), count);
  std::printf("\n");
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::compiler

int main(int argc, char** argv) {
  strata::EnterUserFolder();
  strata::compiler::Flags flags;
  CLI::App app(
      "Random programs, compiled and run on the CPU or on simulated NPUs, against the "
      "interpreter.");
  app.add_option("--seconds", flags.seconds, "how long to look")->capture_default_str();
  app.add_option("--seed", flags.seed, "the first case; each further one is the next number")
      ->capture_default_str();
  app.add_option("--only", flags.only, "this case alone, printed in full");
  app.add_option("--device", flags.device, "cpu, or npu: on the simulated chips")
      ->capture_default_str()
      ->check(CLI::IsMember({"cpu", "npu"}));
  app.add_option("--family", flags.family, "most nodes are of this family of ops")
      ->check(CLI::IsMember(strata::compiler::OpFamilies()));
  app.add_option("--nodes", flags.nodes, "nodes a program, about")->capture_default_str();
  app.add_option("--elements", flags.elements, "most elements of a value")->capture_default_str();
  app.add_option("--output", flags.output, "folder for reduced cases")->capture_default_str();
  app.add_option("--max-failures", flags.max_failures, "stop after so many")->capture_default_str();
  app.add_option("--reduce-seconds", flags.reduce_seconds, "time to reduce one case")
      ->capture_default_str();
  app.add_flag("--reduce,!--no-reduce", flags.reduce, "reduce failing cases");
  app.add_flag("--json", flags.json, "one JSON object at the end");
  CLI11_PARSE(app, argc, argv);
  int failures = 0;
  const absl::Status status = strata::compiler::Run(flags, &failures);
  if (!status.ok()) std::fprintf(stderr, "fuzz: %s\n", std::string(status.message()).c_str());
  return !status.ok() ? strata::ExitCode(status) : failures > 0 ? 1 : 0;
}
