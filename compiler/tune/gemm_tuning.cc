#include "compiler/tune/gemm_tuning.h"

#include <xxhash.h>

#include <map>
#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "chips/spec/host/cpu_info.h"
#include "compiler/codegen/emit.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/gemm/emit.h"
#include "compiler/tune/gemm_space.h"

namespace strata::compiler::tune {
namespace {

void AppendKernels(const GemmProblem& problem, const GemmConfig& config, const std::string& isa,
                   std::string* text) {
  const absl::StatusOr<EmittedGemm> emitted = EmitGemm(problem, config, isa);
  if (!emitted.ok()) return;
  absl::StrAppend(text, emitted->pack_a.source(), emitted->multiply.source());
  if (emitted->pack_b) absl::StrAppend(text, emitted->pack_b->source());
}

// Of the text of a few kernels and of what they call: whatever changes in how they are emitted changes it. Whole sums and
// blocks of them, both ways to pack, and sums that something is made of.
std::string KernelFingerprint(const std::string& isa) {
  std::string text = Prelude(isa);
  const GemmConfig whole{.rows = 8, .vectors = 2, .depth = 64, .panels = 2};
  const GemmConfig blocks{.rows = 8, .vectors = 1, .depth = 32, .panels = 3};
  const GemmConfig first{.rows = 6, .vectors = 2, .depth = 64, .panels = 2, .pack_b_first = true};
  for (const chips::DType dtype : {chips::F32, chips::BF16}) {
    GemmProblem problem{.M = 30, .N = 100, .K = 64, .dtype = dtype};
    AppendKernels(problem, whole, isa, &text);
    problem.transpose_b = true;
    AppendKernels(problem, blocks, isa, &text);
    AppendKernels(problem, first, isa, &text);
    problem.transpose_b = false;
    problem.transpose_a = true;
    AppendKernels(problem, blocks, isa, &text);
    problem.result = dtype;
    AppendKernels(problem, whole, isa, &text);
  }
  return absl::StrCat(absl::Hex(XXH3_64bits(text.data(), text.size()), absl::kZeroPad16));
}

// The same as long as the program runs.
std::string Libraries(const std::string& isa) {
  static auto* mutex = new std::mutex();
  static auto* known = new std::map<std::string, std::string>();
  const std::lock_guard<std::mutex> lock(*mutex);
  auto [it, fresh] = known->emplace(isa, "");
  if (fresh) {
    const absl::StatusOr<std::string> compiler = KernelCompilerVersion();
    it->second = absl::StrCat(compiler.ok() ? *compiler : "no compiler", "; gemm kernels ",
                              KernelFingerprint(isa));
  }
  return it->second;
}

}  // namespace

TuningKey GemmTuningKey(const GemmProblem& problem, const std::string& isa, int threads) {
  return {absl::StrCat("gemm ", GemmName(problem), " ", isa, " threads=", threads),
          chips::CpuModelName(), Libraries(isa)};
}

namespace {

std::optional<GemmConfig> ConfigOf(const TuningRecord* record, const SearchSpace& space) {
  if (record == nullptr) return std::nullopt;
  const absl::StatusOr<Config> config = space.Parse(record->config());
  if (!config.ok() || !space.IsValid(*config)) return std::nullopt;
  return GemmConfigOf(space.SettingOf(*config));
}

}  // namespace

std::optional<TunedGemm> TunedGemmConfig(const TuningLog& log, const GemmProblem& problem,
                                         const std::string& isa, int threads) {
  if (log.records().empty()) return std::nullopt;
  const TuningKey key = GemmTuningKey(problem, isa, threads);
  const TuningRecord* best = log.Best(key);
  const SearchSpace space = GemmSpace(problem, isa);
  const std::optional<GemmConfig> config = ConfigOf(best, space);
  if (!config) return std::nullopt;
  return TunedGemm{*config, best->cost(), best->rival_cost(),
                   ConfigOf(log.BestWithEpilogue(key), space)};
}

}  // namespace strata::compiler::tune
