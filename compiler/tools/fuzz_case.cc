#include "compiler/tools/fuzz_case.h"

#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "chips/spec/catalogue.h"
#include "compiler/codegen/isa.h"
#include "compiler/driver/pipelines.h"
#include "compiler/pass/pass.h"
#include "compiler/tools/fuzz_inputs.h"
#include "framework/graph/text.h"

namespace strata::compiler {

std::string FuzzCase::Settings() const {
  const std::string skipped =
      options.compile.skip_passes.empty()
          ? ""
          : absl::StrCat(", without ", absl::StrJoin(options.compile.skip_passes, ", "));
  if (options.device == "npu") return absl::StrCat("npu ", options.chip, skipped);
  return absl::StrCat("isa ", options.compile.isa, ", ", options.threads, " threads", skipped);
}

namespace {

// One pass is left out now and then.
void SkipAPass(const std::vector<std::string>& passes, std::mt19937* random,
               DifferentialOptions* options) {
  if ((*random)() % 3 == 0) options->compile.skip_passes = {passes[(*random)() % passes.size()]};
}

// Rounding to bf16 is part of the graph, so that the interpreter rounds as well.
absl::Status DrawForNpu(std::mt19937* random, FuzzCase* fuzz_case) {
  const std::vector<std::string> chips = chips::SimulatedChipNames();
  DifferentialOptions& options = fuzz_case->options;
  options.device = options.compile.device = "npu";
  options.chip = chips[(*random)() % chips.size()];
  const bool bf16 = (*random)() % 2 == 0;
  SkipAPass(NpuPipeline(), random, &options);
  if (!bf16) return absl::OkStatus();
  RegisterAllPasses();
  return RunPipeline({"mixed_precision"}, {}, &fuzz_case->graph);
}

}  // namespace

absl::StatusOr<FuzzCase> MakeFuzzCase(uint32_t seed, const RandomProgramOptions& options,
                                      const std::string& device) {
  FuzzCase result;
  result.seed = seed;
  STRATA_ASSIGN_OR_RETURN(result.graph, MakeRandomProgram(seed, options));
  std::mt19937 random(seed ^ 0x9e3779b9u);
  if (device == "npu") {
    STRATA_RETURN_IF_ERROR(DrawForNpu(&random, &result));
    return result;
  }
  if (device != "cpu") {
    return absl::InvalidArgumentError(
        absl::StrCat("device: '", device, "' is not fuzzed; give cpu or npu"));
  }
  std::vector<std::string> isas;
  for (const char* isa : {"avx512", "avx2", "generic"}) {
    if (HostRuns(isa)) isas.push_back(isa);
  }
  // The best instruction set half of the time, all passes most of the time.
  result.options.compile.isa = random() % 2 == 0 ? isas[0] : isas[random() % isas.size()];
  result.options.threads = static_cast<int>(1 + random() % 3);
  SkipAPass(StrataPipeline(), &random, &result.options);
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
