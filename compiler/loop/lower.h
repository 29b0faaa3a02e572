// Lower: a region of primitives becomes a Computation over one iteration space.
//
//   STRATA_ASSIGN_OR_RETURN(Computation computation, Lower(node.regions(0)));
//
// Views, transposes, slices and broadcasts become index arithmetic; pad and concat split the iteration space into boxes;
// neighbouring dims that every access walks alike are merged, so that most kernels end with one or two dims.
#ifndef STRATA_COMPILER_LOOP_LOWER_H_
#define STRATA_COMPILER_LOOP_LOWER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "compiler/loop/computation.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler::loop {

// UNIMPLEMENTED says what cannot be one kernel: an op without a formula, a dtype, dims that are symbols, outputs or
// reductions that do not share an iteration space.
absl::StatusOr<Computation> Lower(const graph::Graph& region);

// True for ops that Lower() knows in the best of cases (dtypes and shapes permitting).
bool IsElementwiseOp(
    absl::string_view op);  // with cast, select and comparisons; without broadcast_to
bool IsReductionOp(absl::string_view op);
bool IsMovementOp(absl::string_view op);  // broadcast_to, reshape, transpose, slice, pad, concat
bool IsSourceOp(absl::string_view op);    // constant, iota
bool IsLowerable(absl::string_view op);   // any of these
bool IsSupported(DType dtype);

// Rough cost of one element of an op, in additions: 1 for add, 20 for tanh.
int OpCost(absl::string_view op);

}  // namespace strata::compiler::loop

#endif  // STRATA_COMPILER_LOOP_LOWER_H_
