// What the fusion pass knows of each node: may it be part of a kernel, what shape is it, what does
// it cost.
#ifndef STRATA_COMPILER_PASS_FUSION_NODE_INFO_H_
#define STRATA_COMPILER_PASS_FUSION_NODE_INFO_H_

#include <cstdint>
#include <vector>

#include "framework/graph/graph.pb.h"

namespace strata::compiler {

using FusionDims = std::vector<int64_t>;

struct FusionNodeInfo {
  enum class Role {
    kOpaque,     // a kernel of its own, or nothing this compiler can emit
    kPointwise,  // elementwise, cast, broadcast_to
    kSource,     // constant, iota: cloned wherever it is used
    kView,       // reshape: free outside of kernels too
    kSlice,      // slice: reads a part
    kMove,       // transpose, pad, concat
    kReduction,
  };
  Role role = Role::kOpaque;
  FusionDims dims;         // of the output, without ones
  int64_t elements = 0;    // of the output
  int cost = 0;            // additions an element
  bool keeps_last = true;  // kMove: a transpose that leaves the last dim where it is
  // kReduction:
  FusionDims operand_dims;  // without ones
  bool over_rows = false;   // the last dim is reduced (a row kernel), else a column kernel
  // Depends on a row reduction through nodes that could share its kernel.
  bool after_row_reduction = false;
  // Of that reduction: its operand's dims, its own (the widest, of several).
  FusionDims row_space, row_kept;
  bool after_move = false;  // depends on a transpose, pad or concat in the same way
};

std::vector<FusionNodeInfo> ReadFusionNodes(const graph::Graph& graph);

int64_t ElementsOf(const FusionDims& dims);
// Of a value, all of whose dims are concrete.
int64_t ElementsOf(const graph::Graph& graph, uint32_t value);

// True when both are views of one array: equal counts, and every border of one grouping can be a
// border of the other.
bool AreViewsOfOneSpace(const FusionDims& a, const FusionDims& b);
bool IsPrefix(const FusionDims& prefix, const FusionDims& dims);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_FUSION_NODE_INFO_H_
