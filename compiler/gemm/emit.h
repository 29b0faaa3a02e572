// EmitGemm: a matrix product of known sizes as header-free C, in kernels of a Plan.
//
//   STRATA_ASSIGN_OR_RETURN(EmittedGemm gemm, EmitGemm(problem, DefaultGemmConfig(problem, machine), HostIsa()));
//   // steps: gemm.pack_a: (A) -> packed A;  gemm.pack_b, if any: (B) -> packed B;
//   //        gemm.multiply: (packed A, packed B or B) -> C
//
// The kernels are made by compiler/schedule: loops.h says what program and schedule they come from, and each keeps the text
// of both (Kernel.schedule).
#ifndef STRATA_COMPILER_GEMM_EMIT_H_
#define STRATA_COMPILER_GEMM_EMIT_H_

#include <optional>
#include <string>

#include "base/status.h"
#include "compiler/gemm/config.h"
#include "compiler/gemm/gemm_epilogue.h"
#include "compiler/gemm/packed.h"
#include "compiler/gemm/problem.h"
#include "compiler/plan/plan.pb.h"

namespace strata::compiler {

// Kernels for the plan's prelude (codegen/emit.h). Each has its parallel loop over panels.
struct EmittedGemm {
  plan::Kernel pack_a;                 // (A) -> PackedA
  std::optional<plan::Kernel> pack_b;  // (B) -> PackedB, when config.pack_b_first
  plan::Kernel multiply;               // (packed A, B or packed B) -> C
};

// The kernel `multiply` of a product with an epilogue takes (packed A, B or packed B, inputs...) and gives (C if it is
// kept, outputs...).
//
// Errors of CheckGemm, CheckGemmConfig and IsaFlags; INVALID_ARGUMENT for a bf16 result or an epilogue with depth < K
// (they need whole sums) and for an epilogue that breaks the rules above; UNIMPLEMENTED for one that cannot be emitted.
absl::StatusOr<EmittedGemm> EmitGemm(const GemmProblem& problem, const GemmConfig& config,
                                     const std::string& isa, const GemmEpilogue& epilogue = {});

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_EMIT_H_
