// EmitProduct(): the instructions of a tiled product or convolution.
//
//   ProgramBuilder builder(core.get(), "product");
//   const int64_t a = builder.AddRegion(...), w = builder.AddRegion(...);
//   STRATA_ASSIGN_OR_RETURN(const ProductTiling tiling, ChooseTiling(*core, machine, problem, epilogue.shape()));
//   STRATA_RETURN_IF_ERROR(EmitProduct(machine, problem, tiling, {a, w}, &epilogue, &builder));
//
// Loads panels of A and W as the tiling says, sums the products of each tile of C in the accumulators
// and hands it to the epilogue. The order of sums of floats depends on the machine's rows (weight-stationary: full
// chunks of the array's rows within a segment, from +0, added to C in order of k) or on nothing
// (output-stationary: one chain over k), never on the tiling.
#ifndef STRATA_COMPILER_NPU_PRODUCT_PROGRAM_H_
#define STRATA_COMPILER_NPU_PRODUCT_PROGRAM_H_

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "compiler/npu/product_problem.h"
#include "compiler/npu/product_tiling.h"
#include "compiler/npu/program_builder.h"
#include "compiler/npu/tile_epilogue.h"

namespace strata::compiler {

struct ProductOperands {
  int64_t a = 0, w = 0;  // where they begin in DRAM
};

// UNIMPLEMENTED when the machine does not multiply the type, or cannot load a transposed W. Faults of
// instructions stay with the builder.
absl::Status CheckProduct(const chips::npu::Core& core, const chips::npu::Machine& machine,
                          const ProductProblem& problem);

absl::Status EmitProduct(const chips::npu::Machine& machine, const ProductProblem& problem,
                         const ProductTiling& tiling, const ProductOperands& operands,
                         TileEpilogue* epilogue, ProgramBuilder* builder);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_PRODUCT_PROGRAM_H_
