#include "compiler/tune/gemm_tuning.h"

#include <xxhash.h>

#include <map>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "chips/spec/host/cpu_info.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/gemm/emit.h"
#include "compiler/tune/gemm_space.h"

namespace strata::compiler::tune {
namespace {

// Of the text of a few kernels: whatever changes in how they are emitted changes it.
std::string KernelFingerprint(const std::string& isa) {
  std::string text;
  for (const bool transposed : {false, true}) {
    for (const chips::DType dtype : {chips::F32, chips::BF16}) {
      const GemmProblem problem{
          .M = 30, .N = 100, .K = 64, .transpose_b = transposed, .dtype = dtype};
      const absl::StatusOr<EmittedGemm> emitted =
          EmitGemm(problem, {.rows = 8, .vectors = 2, .depth = 64, .panels = 2}, isa);
      if (emitted.ok())
        absl::StrAppend(&text, emitted->pack_a.source(), emitted->multiply.source());
    }
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
