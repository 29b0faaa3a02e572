// Recompute: rewrites a training step so that its backward pass makes forward values again instead of keeping them.
//
//   RecomputePolicy policy;                                   // cheap elementwise ops only
//   STRATA_ASSIGN_OR_RETURN(Recomputed done, Recompute(policy, &graph));
//
// The forward pass is what the results that depend on no gradient need (the loss); the rest is the backward pass and the
// optimizer. A graph without marked gradients (Value.gradient_of) has no backward pass and stays as it is, and so does
// one with symbolic dims. Which values are kept is the exact choice of SaveOrRecompute() for the policy's prices. What is
// made again reads the kept values through `after`, right before its first reader, so that neither common
// subexpressions, nor fusion, nor the order of memory can bring it back into the forward pass.
#ifndef STRATA_COMPILER_PASS_RECOMPUTE_H_
#define STRATA_COMPILER_PASS_RECOMPUTE_H_

#include <limits>

#include "base/status.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

struct RecomputePolicy {
  // Elementwise ops, casts, views and movements, where they fuse into what reads them; else all ops
  // but collectives and what is not deterministic.
  bool cheap_only = true;
  // The price of a flop in bytes kept; transcendentals count for several. At 1/8 an f32 is worth 32 additions.
  double bytes_a_flop = 0.125;
  // Only among the first so many nodes of the graph: what was made first would be kept longest.
  int among_first = std::numeric_limits<int>::max();
  // Kernels (products, attention) at depths that are multiples of it never run again: checkpoints, so that what is made
  // again for one part of the backward pass does not live through the others (Chen et al. 2016, "Training deep nets with
  // sublinear memory cost"). 0: none.
  int checkpoint_every = 0;
};

struct Recomputed {
  int nodes = 0;          // made again; 0: the graph did not change
  double flops = 0;       // of these, exact
  double bytes_less = 0;  // of forward values that the backward pass keeps
};

// The most kernels that stand behind one another in the forward pass; 0 where there is no backward pass.
int ForwardDepth(const graph::Graph& graph);

absl::StatusOr<Recomputed> Recompute(const RecomputePolicy& policy, graph::Graph* graph);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_RECOMPUTE_H_
