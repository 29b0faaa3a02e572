// The reference interpreter: every node by its op's reference kernel, in order. The oracle of
// everything.
#ifndef STRATA_FRAMEWORK_GRAPH_INTERPRETER_H_
#define STRATA_FRAMEWORK_GRAPH_INTERPRETER_H_

#include "framework/graph/evaluator.h"

namespace strata::graph {

class Interpreter : public Evaluator {
 public:
  absl::StatusOr<std::vector<HostTensor>> Evaluate(const Graph& graph,
                                                   absl::Span<const HostTensor> inputs) override;
};

// One node with a concrete call: allocates the outputs and runs the reference kernel.
absl::StatusOr<std::vector<HostTensor>> EvaluateNode(const Node& node,
                                                     absl::Span<const HostTensor> inputs);

// Registers "reference" in EvaluatorRegistry().
void RegisterInterpreter();

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_INTERPRETER_H_
