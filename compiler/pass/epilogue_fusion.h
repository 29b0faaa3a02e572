// The pass "epilogue_fusion": a product that the compiler emits and the elementwise nodes after it
// become one `fusion` node, one kernel that does them on each tile of the product while it is in
// registers.
//
//   %h, %y = fusion(%x, %w, %bias) {bytes_saved = .., kind = "product"} region { matmul, add, gelu's primitives }
//
// Which products are emitted is the chooser's decision (PassContext::emits_product; unset: none).
// Which nodes come along is a matter of bytes (epilogue_nodes.h): `bytes_saved` are those that the
// general fusion, which leaves the product by itself, would move more. Bias, residual, scale,
// activations and their derivatives, casts to bf16 for the next product; a LayerNorm's reductions
// stay apart. Runs before "fusion", which takes what is left.
#ifndef STRATA_COMPILER_PASS_EPILOGUE_FUSION_H_
#define STRATA_COMPILER_PASS_EPILOGUE_FUSION_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateEpilogueFusion();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_EPILOGUE_FUSION_H_
