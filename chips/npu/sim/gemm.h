// Programs of tiled products for a machine: C = A x W.
//
//   STRATA_ASSIGN_OR_RETURN(const GemmProgram gemm, MakeGemm(machine, {.m = 512, .k = 512, .n = 512}));
//   // gemm.program has the regions A [m, k], W [k, n] and C [m, n], row-major and without gaps;
//   // C is int32 or f32.
//
// C's tiles are as wide as the arrays and as high as the accumulators and L1 allow. For each tile of C
// the products of the tiles of A and W along k are summed in the accumulators. Loads bring `load_k`
// columns of A, so that rows fill DRAM's bursts; products take `k` of them at a time. Single-buffered, each tile
// has one place, and a load waits until the product before it is done; double-buffered, each has two, in
// banks of their own, and loads, weights, products, the way out of the accumulators and the store overlap.
#ifndef STRATA_CHIPS_NPU_SIM_GEMM_H_
#define STRATA_CHIPS_NPU_SIM_GEMM_H_

#include <cstdint>

#include "base/status.h"
#include "chips/npu/isa/program.h"
#include "chips/npu/machine/machine.pb.h"

namespace strata::chips::npu {

struct GemmShape {
  int64_t m = 0, k = 0, n = 0;
  DType type = I8;  // or BF16, F8_E4M3, F8_E5M2
  bool double_buffered = true;
};

// One tile's sizes; the last tile of a row or column may be smaller.
struct GemmTiles {
  int64_t m = 0, k = 0, n = 0;  // of a product
  int64_t load_k = 0;           // of a load; a multiple of k, or all there is
};

struct GemmProgram {
  Program program;
  GemmTiles tiles;
};

// INVALID_ARGUMENT for empty shapes, for types that the machine has not, and for rows of W or C that are
// longer than a stride can be.
absl::StatusOr<GemmProgram> MakeGemm(const Machine& machine, const GemmShape& shape);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_GEMM_H_
