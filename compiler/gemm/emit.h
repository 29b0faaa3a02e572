// EmitGemm: a matrix product of known sizes as header-free C, in kernels of a Plan.
//
//   STRATA_ASSIGN_OR_RETURN(EmittedGemm gemm, EmitGemm(problem, DefaultGemmConfig(problem, machine), HostIsa()));
//   // steps: gemm.pack_a: (A) -> packed A;  gemm.pack_b, if any: (B) -> packed B;
//   //        gemm.multiply: (packed A, packed B or B) -> C
//
// The loops are those of Goto and van de Geijn (Anatomy of High-Performance Matrix Multiplication, ACM TOMS 2008), turned
// so that threads share the columns: a block of B as deep as the sum allows is packed into the second-level cache, panels
// of A stream past it, and a tile of C stays in registers for the whole depth. No kernel waits for another thread.
//
//   for blocks of panels of B, this thread's       (config.panels)
//     for blocks of terms                          (config.depth)
//       pack the block of B                        unless a step has done so before
//       for panels of A                            (config.rows)
//         for panels of the block                  (config.columns())
//           tile of C += panel of A · panel of B
#ifndef STRATA_COMPILER_GEMM_EMIT_H_
#define STRATA_COMPILER_GEMM_EMIT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "compiler/gemm/config.h"
#include "compiler/gemm/problem.h"
#include "compiler/plan/plan.pb.h"

namespace strata::compiler {

// A packed operand: panels of 32-bit words (an f32, or two bf16), dense: [panels][words][width].
struct PackedShape {
  int64_t panels = 0, words = 0, width = 0;
  int64_t elements() const { return panels * words * width; }
};
PackedShape PackedA(const GemmProblem& problem, const GemmConfig& config);
PackedShape PackedB(const GemmProblem& problem, const GemmConfig& config);

// Kernels for the plan's prelude (codegen/emit.h). Each has its parallel loop over panels.
struct EmittedGemm {
  plan::Kernel pack_a;                 // (A) -> PackedA
  std::optional<plan::Kernel> pack_b;  // (B) -> PackedB, when config.pack_b_first
  plan::Kernel multiply;               // (packed A, B or packed B) -> C
};

// Errors of CheckGemm, CheckGemmConfig and IsaFlags; INVALID_ARGUMENT for a bf16 result with depth < K (parts of a sum
// would be rounded).
absl::StatusOr<EmittedGemm> EmitGemm(const GemmProblem& problem, const GemmConfig& config,
                                     const std::string& isa);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_EMIT_H_
