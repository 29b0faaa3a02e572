// Op rules: what the partitioner knows of each op, in one table: its factors. A factor is a loop of the op, as in an
// einsum: matmul [M, K] [K, N] -> [M, N] has the factors m, k and n; the dims that are the same loop carry the same
// factor. Everything else follows: a factor may be cut over a mesh axis, then all dims that carry it are cut, each rank
// runs the op on its pieces, and a result that does not carry it is a pending sum (k) over that axis.
//
//   STRATA_ASSIGN_OR_RETURN(OpRule rule, RuleOf(call));
//   rule.inputs[1][0]        // factors of dim 0 of operand 1, major first
//   rule.factors[k].across   // Across::kSum: what makes a result whole that lacks a cut factor
//
// A dim of several factors (a reshape that merges or splits) is cut in their order: the major one first, the next only
// when all before it are cut down to size 1. Shardy's "op sharding rules" are the same idea (openxla.org/shardy).
//
// An op without a row has no factors: all its operands must be whole, and it runs the same on every rank.
#ifndef STRATA_DISTRIBUTED_PARTITION_OP_RULES_H_
#define STRATA_DISTRIBUTED_PARTITION_OP_RULES_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "framework/graph/op_def.h"

namespace strata::distributed {

// What becomes of the results that do not carry a factor when it is cut.
enum class Across {
  kSum,   // pending sums
  kMean,  // pending sums of the ranks' means over their number
  kMax,   // a maximum over ranks
  kOwn,  // the op's lowering (local_ops.h) does what is needed, for contiguous pieces; results are whole,
  kOwnSum,  // or pending sums
  kCount,   // the op counts along it
  kRing,    // the op's lowering too, but it may be cut over one zigzag axis only (ring_attention.h)
  kWhole,   // the factor cannot be cut
};

struct Factor {
  graph::Size size;
  Across across = Across::kSum;
};

using DimFactors = std::vector<std::vector<int>>;  // of each dim of a tensor, major first

struct OpRule {
  std::vector<Factor> factors;
  std::vector<DimFactors> inputs, outputs;
  // Sets of operands in which the op is linear, together, the others held fixed: when all of a set are pending sums over
  // the same axes, so are the results.
  std::vector<std::vector<int>> linear;
  std::vector<bool>
      any;  // operands that may lie in any way, or be pending: nothing of their value is read
};

// The rule of a call whose types are known. An error is a bug of the table (INTERNAL).
absl::StatusOr<OpRule> RuleOf(const graph::OpCall& call);

// Whether the op has a row; for the sweep.
bool HasRule(const std::string& op);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_OP_RULES_H_
