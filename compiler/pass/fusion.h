// The pass "fusion": groups elementwise ops, reductions, casts, views and movements into `fusion` nodes, one kernel each.
//
//   %y = fusion(%x, %gamma, %beta) {kind = "row"} region { ... the primitives ... }
//
// Kinds: "loop" (one iteration space, every output element by itself), "row" (reductions over trailing axes and the
// elementwise work around them: softmax, layer norm, ...), "column" (reductions over leading axes from fused producers:
// gradients of bias, gamma, beta; may also write the elementwise values it sums). Cheap producers are recomputed in
// several groups rather than written to memory. The region is ordinary Graph, so the interpreter runs it and the
// verifier checks it. Deterministic, near-linear in the number of nodes.
//
// Every group has been lowered once to a loop nest, so that EmitKernel accepts it; what cannot be lowered stays apart.
#ifndef STRATA_COMPILER_PASS_FUSION_H_
#define STRATA_COMPILER_PASS_FUSION_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateFusionPass();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_FUSION_H_
