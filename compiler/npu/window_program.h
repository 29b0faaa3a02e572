// EmitWindows(): depthwise convolutions and pools, channel by channel on the vector unit.
//
//   STRATA_ASSIGN_OR_RETURN(const ProductTiling tiling, ChooseWindowTiling(*core, problem, epilogue.shape()));
//   STRATA_RETURN_IF_ERROR(EmitWindows(problem, tiling, {x, w}, &epilogue, &builder));
//
// Rows of the padded image lie in L1, pixel by pixel; a tile of the result in the accumulators has the
// output pixels as rows and channels as columns. Each tap of the window is one instruction a row of the
// output (vmac.i8), or two (bring in, keep the larger); a stride is a stride of rows.
#ifndef STRATA_COMPILER_NPU_WINDOW_PROGRAM_H_
#define STRATA_COMPILER_NPU_WINDOW_PROGRAM_H_

#include "base/status.h"
#include "compiler/npu/product_problem.h"
#include "compiler/npu/product_program.h"
#include "compiler/npu/product_tiling.h"
#include "compiler/npu/program_builder.h"
#include "compiler/npu/tile_epilogue.h"

namespace strata::compiler {

// The largest tile that fits, but of a few tiles at least where there are so many rows. UNIMPLEMENTED when none fits.
absl::StatusOr<ProductTiling> ChooseWindowTiling(const chips::npu::Core& core,
                                                 const ProductProblem& problem,
                                                 const EpilogueShape& shape);

absl::Status EmitWindows(const ProductProblem& problem, const ProductTiling& tiling,
                         const ProductOperands& operands, TileEpilogue* epilogue,
                         ProgramBuilder* builder);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_WINDOW_PROGRAM_H_
