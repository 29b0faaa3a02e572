// FindAttention: attention written out as matmul, scale, mask, softmax, matmul; and its gradient, as autodiff writes it.
//
//   forward    s = q kᵀ;  x = scale and mask s, in any order;  p = softmax(x), an op or written out;  o = p v
//   backward   dv = pᵀ do;  dp = do vᵀ;  dx = p (dp - sum(dp p));  ds from dx through mask and scale;
//              dq = ds k;  dk = dsᵀ q
//
// A mask is a `select` or an addition whose condition IndexAlgebra can read: all visible or causal. It hides with -inf
// or a number of -1e4 and below: scores of a size near that would make the difference to -inf seen.
// A match is closed: nothing outside of it reads what lies inside.
#ifndef STRATA_COMPILER_PASS_ATTENTION_MATCH_H_
#define STRATA_COMPILER_PASS_ATTENTION_MATCH_H_

#include <vector>

#include "compiler/pass/graph_uses.h"

namespace strata::compiler {

// [..., rows, D] when not transposed, else [..., D, rows].
struct AttentionOperand {
  graph::ValueId value = graph::kNoValue;
  bool transposed = false;
};

struct AttentionMatch {
  AttentionOperand q, k, v;              // of one rank, 2 or more, with equal leading dims
  graph::ValueId out = graph::kNoValue;  // [..., T, D]
  double scale = 1;
  bool causal = false;
  std::vector<int> inner;  // nodes that go, sorted, with the one that makes `out`

  // The gradient; kNoValue where the graph does not hold it. Gradients have the types of the operands.
  graph::ValueId dout = graph::kNoValue;
  graph::ValueId dq = graph::kNoValue, dk = graph::kNoValue, dv = graph::kNoValue;
  std::vector<int> inner_backward;  // nodes that go, sorted

  bool has_backward() const { return !inner_backward.empty(); }
};

// In order of the nodes that make `out`; no two share a node.
std::vector<AttentionMatch> FindAttention(const GraphUses& uses);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_ATTENTION_MATCH_H_
