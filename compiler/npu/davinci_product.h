// Products and convolutions of int8 on the cube of a DaVinci core.
//
//   STRATA_ASSIGN_OR_RETURN(const DavinciTiling tiling, ChooseDavinciTiling(machine, problem, tail));
//   EmitDavinciProduct(machine, problem, tiling, {a, w}, &tail, &builder);
//
// A panel of W's columns, all of its depth, stays in L1 while all of A goes by. A tile of A is rows of A, or of
// a convolution whole rows of output pixels: then L1 holds the lines of the input that they see, borders of
// zeros included, and load3d unfolds them on their way to L0A. All of a tile's depth is summed in L0C, and the
// tail takes it from there. L1, L0A, L0B and L0C have two places each, used in turns.
#ifndef STRATA_COMPILER_NPU_DAVINCI_PRODUCT_H_
#define STRATA_COMPILER_NPU_DAVINCI_PRODUCT_H_

#include <cstdint>
#include <string>

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "compiler/npu/davinci_tail.h"
#include "compiler/npu/product_problem.h"
#include "compiler/npu/program_builder.h"

namespace strata::compiler {

struct DavinciTiling {
  int64_t panel = 0;    // columns of W in L1
  int64_t columns = 0;  // of a tile of C
  int64_t rows = 0;     // of a tile of C; of a convolution pixel_rows x pixels
  int64_t pixel_rows = 0, pixels = 0;
  int64_t step = 0;  // of the depth, that L0A and L0B hold; a multiple of 32
  int64_t a_place = 0, w_place = 0, l0_place = 0, c_place = 0;  // bytes

  std::string ToString() const;  // as nested loops
};

// UNIMPLEMENTED when no tile fits.
absl::StatusOr<DavinciTiling> ChooseDavinciTiling(const chips::npu::Machine& machine,
                                                  const ProductProblem& problem,
                                                  const DavinciTail& tail);

struct ProductAddresses {
  int64_t a = 0, w = 0;
};

void EmitDavinciProduct(const ProductProblem& problem, const DavinciTiling& tiling,
                        const ProductAddresses& addresses, DavinciTail* tail,
                        ProgramBuilder* builder);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_DAVINCI_PRODUCT_H_
