// What each node of a training step is there for, read from the graph alone.
//
//   STRATA_ASSIGN_OR_RETURN(const StepAnatomy anatomy, AnalyseStep(step));
//   if (anatomy.phase[n] == StepPhase::kBackward) ...
//
// A step is one graph of forward, backward and optimizer. Its seams are the values marked gradient_of: what makes them
// runs once a microbatch, what only reads them runs once a step, on their means over microbatches. Backward nodes are
// those of autodiff (origin "grad ..."), and what depends on them.
#ifndef STRATA_DISTRIBUTED_PIPELINE_STEP_ANATOMY_H_
#define STRATA_DISTRIBUTED_PIPELINE_STEP_ANATOMY_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

enum class StepPhase {
  kUnused,  // leads to no output
  kBatchFree,  // depends on no batch and no gradient: the same in every microbatch, made wherever it is read
  kForward,
  kBackward,
  kOptimizer,
};

struct StepAnatomy {
  std::vector<StepPhase> phase;           // by node
  std::vector<int> maker;                 // by value: its node, -1 for an input
  std::vector<std::vector<int>> readers;  // by value: nodes that are not kUnused, in order

  // The phase of the value's node; kBatchFree for inputs.
  StepPhase PhaseOf(uint32_t value) const {
    const int node = maker[value];
    return node < 0 ? StepPhase::kBatchFree : phase[static_cast<size_t>(node)];
  }
};

// INVALID_ARGUMENT when the optimizer reads a value of a microbatch that is not a marked gradient, or when an update
// depends on a microbatch without a gradient between (its value would be that of one microbatch only).
absl::StatusOr<StepAnatomy> AnalyseStep(const graph::Graph& step);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PIPELINE_STEP_ANATOMY_H_
