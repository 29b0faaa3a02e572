// Programs of tiled products for a DaVinci core: C = A x B, and what the vector unit makes of C.
//
//   DavinciGemmShape shape = {.m = 512, .k = 512, .n = 512};
//   shape.relu = true;
//   STRATA_ASSIGN_OR_RETURN(const Program program, MakeDavinciGemm(machine, shape));
//
// Regions, row-major without gaps: A [m, k], B [k, n], bias [n] of C's type (with bias), scale [2, n]:
// int32 multiplier and shift of vquantc.i8 (int8 and narrow), C [m, n]: int32 or f32; narrow: int8 or fp16.
// What is done in order: bias is added, relu, narrow. Single-buffered, each tile has one place and the
// pipes take turns; double-buffered, each has two, in banks of their own, and MTE2, MTE1, M, V and MTE3
// overlap. A panel of B of all k stays in L1 while all of A goes by; where A's rows of all k fit, they are
// loaded once a panel.
#ifndef STRATA_CHIPS_NPU_DAVINCI_DAVINCI_GEMM_H_
#define STRATA_CHIPS_NPU_DAVINCI_DAVINCI_GEMM_H_

#include <cstdint>

#include "base/status.h"
#include "chips/npu/isa/program.h"
#include "chips/npu/machine/machine.pb.h"

namespace strata::chips::npu::davinci {

struct DavinciGemmShape {
  int64_t m = 0, k = 0, n = 0;
  DType type = I8;  // or F16
  bool double_buffered = true;
  bool bias = false, relu = false, narrow = false;
};

// INVALID_ARGUMENT for empty shapes, for types that the machine has not, and for shapes of which no tile
// fits: L1 holds 16 columns of B.
absl::StatusOr<Program> MakeDavinciGemm(const Machine& machine, const DavinciGemmShape& shape);

}  // namespace strata::chips::npu::davinci

#endif  // STRATA_CHIPS_NPU_DAVINCI_DAVINCI_GEMM_H_
