// The pass "npu_fusion": groups that become one program of an NPU core each.
//
//   %y = fusion(%x, %w, %bias) {kind = "npu"} region { matmul, add, relu, cast }
//
// Two kinds, found in this order:
// - a product (matmul, conv2d; max_pool2d and the sum of an image count as one) and the elementwise
//   work on its result: bias, activation, residual, scale, casts, requantize, done on each tile while
//   it is in the accumulators;
// - elementwise work and row reductions that hang together (a softmax, a layer norm), done block by
//   block in the accumulators.
// A node joins the group that makes one of its operands if it works element by element (or, in the
// second kind, sums rows), if no path leads from the group to it through other nodes or groups (so no circle
// can close), and if the machine has a program for what the group becomes (PassContext::npu_accepts).
// Groups of the second kind that a node brings together become one under the same conditions. Constants and
// their broadcasts are made again in each group that reads them. A node by itself stays a node.
#ifndef STRATA_COMPILER_PASS_NPU_FUSION_H_
#define STRATA_COMPILER_PASS_NPU_FUSION_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

inline constexpr char kNpuKind[] = "npu";

std::unique_ptr<Pass> CreateNpuFusion();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_NPU_FUSION_H_
