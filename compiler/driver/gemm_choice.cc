#include "compiler/driver/gemm_choice.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/codegen/isa.h"

namespace strata::compiler {
namespace {

std::string Rate(const GemmProblem& problem, double seconds) {
  return absl::StrFormat("%.0f GFLOP/s", problem.flops() / seconds / 1e9);
}

// "x % faster" for a ratio of times above 1.
std::string Lead(double ratio) { return absl::StrFormat("%.1f %% faster", 100 * (ratio - 1)); }

// Fewer rows, columns or terms than fill a few tiles: what a call costs counts.
constexpr int64_t kWorthPacking = 64;

}  // namespace

GemmChooser::GemmChooser(const std::string& isa, const chips::Chip& chip, GemmPolicy policy,
                         GemmRecords records)
    : machine_(GemmMachineOf(chip, isa)),
      vectors_of_bf16_(isa == "avx512_bf16" && !HostHasBf16Tiles()),
      policy_(policy),
      records_(std::move(records)) {}

bool GemmChooser::LikelyFaster(const GemmProblem& problem) const {
  return vectors_of_bf16_ && problem.dtype == chips::BF16 &&
         std::min({problem.M, problem.N, problem.K}) >= kWorthPacking;
}

GemmDecision GemmChooser::Emitted(const GemmProblem& problem, const GemmConfig& config,
                                  std::string why) const {
  return {problem, config,
          absl::StrCat("emitted product ", problem.M, " x ", problem.K, " x ", problem.N, ", ",
                       GemmConfigText(config), "; ", why)};
}

GemmDecision GemmChooser::Choose(const graph::OpCall& call, const absl::Status& library) const {
  const std::optional<GemmProblem> problem = GemmOf(call);
  if (!problem || (policy_ == GemmPolicy::kLibrary && library.ok())) return {};
  std::optional<GemmRecord> record = records_ ? records_(*problem) : std::nullopt;
  if (record && (record->seconds <= 0 || !CheckGemmConfig(record->config).ok())) record.reset();
  const GemmConfig config = record ? record->config : DefaultGemmConfig(*problem, machine_);
  if (problem->result == chips::BF16 && config.depth < problem->K)
    return {};  // it would be rounded in between
  if (!library.ok()) {
    return Emitted(*problem, config,
                   absl::StrCat("no library routine: ", std::string(library.message())));
  }
  if (policy_ == GemmPolicy::kEmitted)
    return Emitted(*problem, config, "emitted kernels were asked for");
  if (!record || record->library_seconds <= 0) {
    if (!LikelyFaster(*problem)) return {};
    return Emitted(*problem, config, "not measured here: bf16 in vectors, packed as it is read");
  }
  const double ratio = record->library_seconds / record->seconds;
  const std::string rates = absl::StrCat("measured ", Rate(*problem, record->seconds), " against ",
                                         Rate(*problem, record->library_seconds));
  if (ratio > 1)
    return Emitted(*problem, config, absl::StrCat(rates, " of the library: ", Lead(ratio)));
  return {std::nullopt, config,
          absl::StrCat("the emitted product ", rates, " here: the library is ", Lead(1 / ratio))};
}

}  // namespace strata::compiler
