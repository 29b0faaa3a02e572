// GemmChooser: for a matrix product, the library's routine or the compiler's own kernels, and why.
//
//   GemmChooser chooser(isa, chip, GemmPolicy::kFastest, records);
//   const GemmDecision decision = chooser.Choose(call, /*library=*/routine->supports(call));
//   if (decision.problem) ...   // EmitGemm(*decision.problem, decision.config, isa); decision.reason goes into the step
//
// What is faster is a matter of measurement. Without a record of both, the library keeps products of f32; those of bf16
// are emitted where vectors do them: the library reorders B in every call, the emitted product packs it block by block
// into the cache (`//compiler/bench:gemm --dtype=bf16` measures both). Chips with a matrix unit keep the library.
#ifndef STRATA_COMPILER_DRIVER_GEMM_CHOICE_H_
#define STRATA_COMPILER_DRIVER_GEMM_CHOICE_H_

#include <functional>
#include <optional>
#include <string>

#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "compiler/gemm/config.h"
#include "compiler/gemm/cost.h"
#include "compiler/gemm/emit.h"
#include "compiler/gemm/problem.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

enum class GemmPolicy {
  kFastest,  // by the records
  kLibrary,  // the routine wherever it can
  kEmitted,  // emitted kernels wherever they can: to test and to compare them
};

// What was measured in turn on the machine that the plan is for: packing of A and B counts on both sides.
struct GemmRecord {
  GemmConfig config;           // the fastest emitted one
  double seconds = 0;          // its time; > 0
  double library_seconds = 0;  // the library's; 0: it was not measured
  // The fastest where elementwise work follows; nothing: not measured.
  std::optional<GemmConfig> epilogue_config = std::nullopt;
};
using GemmRecords = std::function<std::optional<GemmRecord>(const GemmProblem&)>;

struct GemmDecision {
  std::optional<GemmProblem> problem;  // set when emitted
  GemmConfig config;
  // Never empty when `problem` is set; else what to add to the library's reason, or "".
  std::string reason;
};

class GemmChooser {
 public:
  GemmChooser(const std::string& isa, const chips::Chip& chip, GemmPolicy policy,
              GemmRecords records);

  // `library`: OK when a routine can run the call. A call that is no single product is the library's.
  GemmDecision Choose(const graph::OpCall& call, const absl::Status& library) const;

 private:
  GemmDecision Emitted(const GemmProblem& problem, const GemmConfig& config, std::string why) const;

  // Whether the emitted product is the likely faster one.
  bool LikelyFaster(const GemmProblem& problem) const;

  GemmMachine machine_;
  bool vectors_of_bf16_;  // the machine has instructions for them, and nothing faster
  GemmPolicy policy_;
  GemmRecords records_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_GEMM_CHOICE_H_
