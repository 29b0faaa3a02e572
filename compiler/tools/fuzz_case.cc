#include "compiler/tools/fuzz_case.h"

#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "compiler/codegen/isa.h"
#include "compiler/driver/strata_compiler.h"
#include "framework/graph/text.h"

namespace strata::compiler {

std::string FuzzCase::Settings() const {
  const std::string skipped =
      options.compile.skip_passes.empty()
          ? ""
          : absl::StrCat(", without ", absl::StrJoin(options.compile.skip_passes, ", "));
  return absl::StrCat("isa ", options.compile.isa, ", ", options.threads, " threads", skipped);
}

absl::StatusOr<FuzzCase> MakeFuzzCase(uint32_t seed, const RandomProgramOptions& options) {
  FuzzCase result;
  result.seed = seed;
  STRATA_ASSIGN_OR_RETURN(result.graph, MakeRandomProgram(seed, options));
  std::mt19937 random(seed ^ 0x9e3779b9u);
  std::vector<std::string> isas;
  for (const char* isa : {"avx512", "avx2", "generic"}) {
    if (HostRuns(isa)) isas.push_back(isa);
  }
  // The best instruction set half of the time, all passes most of the time.
  result.options.compile.isa = random() % 2 == 0 ? isas[0] : isas[random() % isas.size()];
  result.options.threads = static_cast<int>(1 + random() % 3);
  if (random() % 3 == 0) {
    const std::vector<std::string> passes = StrataPipeline();
    result.options.compile.skip_passes = {passes[random() % passes.size()]};
  }
  return result;
}

absl::StatusOr<Finding> CheckFuzzCase(const FuzzCase& fuzz_case) {
  return CheckInChild(fuzz_case.graph, InputsFor(fuzz_case.graph, fuzz_case.seed),
                      fuzz_case.options);
}

bool IsFault(const Finding& finding) {
  return finding.kind != FindingKind::kNone && finding.kind != FindingKind::kRefused;
}

absl::StatusOr<std::string> ReducedText(const FuzzCase& fuzz_case, const Finding& finding,
                                        const ReduceOptions& options) {
  Finding last = finding;
  const auto shows = [&](const graph::Graph& candidate) -> absl::StatusOr<bool> {
    STRATA_ASSIGN_OR_RETURN(
        const Finding found,
        CheckInChild(candidate, InputsFor(candidate, fuzz_case.seed), fuzz_case.options));
    if (found.kind != finding.kind) return false;
    last = found;
    return true;
  };
  STRATA_ASSIGN_OR_RETURN(const ReducedGraph reduction, Reduce(fuzz_case.graph, shows, options));
  return absl::StrCat("// ", KindName(last.kind), ": ",
                      absl::StrReplaceAll(last.message, {{"\n", "\n// "}}), "\n// seed ",
                      fuzz_case.seed, ", ", fuzz_case.Settings(), "\n",
                      graph::PrintGraph(reduction.graph));
}

}  // namespace strata::compiler
