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
#include <vector>

#include "base/status.h"
#include "compiler/gemm/config.h"
#include "compiler/gemm/problem.h"
#include "compiler/plan/plan.pb.h"
#include "compiler/schedule/program.h"

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

// What is done to each element of a product while it is still in registers, in the loop programs of
// compiler/schedule/program.h:
//
//   input bias f32[N]; input residual f32[M, N]; output out f32[M, N]
//   for i < M { for j < N { out[i, j] = residual[i, j] + (C[i, j] + bias[j]) } }
//
// The nests run one after another for each element. "C" [M, N] is the product as its sums are, f32; where it is kept, it
// is rounded to GemmProblem::result when it is stored.
struct GemmEpilogue {
  // Names are free but for A, B, C and those that begin with "gemm_".
  std::vector<schedule::Buffer> inputs, outputs;
  // Each a perfect nest of two loops, over M and over N, of assignments. What they write, and read of C and of outputs,
  // is the element [i, j]; inputs are read anywhere.
  std::vector<schedule::Node> nests;
  bool keeps_product = true;  // C is a result, too

  bool empty() const { return nests.empty() && inputs.empty() && outputs.empty() && keeps_product; }
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
