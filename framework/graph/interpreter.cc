#include "framework/graph/interpreter.h"

#include <cstring>

#include "framework/graph/op_def.h"
#include "framework/graph/ops/all_ops.h"
#include "framework/graph/verifier.h"

namespace strata::graph {

absl::StatusOr<std::vector<HostTensor>> EvaluateNode(const Node& node,
                                                     absl::Span<const HostTensor> inputs) {
  RegisterAllOps();
  STRATA_ASSIGN_OR_RETURN(const OpDef* def, OpRegistry::Get().Lookup(node.op()));
  OpCall call{&node, {}, {}};
  for (const HostTensor& input : inputs) {
    call.inputs.push_back({input.dtype(), Shape(input.dims().begin(), input.dims().end())});
  }
  STRATA_ASSIGN_OR_RETURN(call.outputs, InferTypes(*def, call));
  std::vector<HostTensor> outputs;
  for (const TensorType& type : call.outputs)
    outputs.push_back(HostTensor::Zeros(type.dtype, type.dims()));
  STRATA_RETURN_IF_ERROR(
      Annotate(def->reference(call, inputs, absl::MakeSpan(outputs)), node.op()));
  return outputs;
}

absl::StatusOr<std::vector<HostTensor>> Interpreter::Evaluate(const Graph& graph,
                                                              absl::Span<const HostTensor> inputs) {
  STRATA_RETURN_IF_ERROR(Verify(graph));
  STRATA_ASSIGN_OR_RETURN(auto sizes, MatchInputs(graph, inputs));
  Graph bound_storage;
  const Graph* bound = &graph;
  if (!sizes.empty()) {
    STRATA_ASSIGN_OR_RETURN(bound_storage, BindSymbols(graph, sizes));
    bound = &bound_storage;
  }
  std::vector<HostTensor> values(static_cast<size_t>(bound->values_size()));
  for (int i = 0; i < bound->inputs_size(); ++i)
    values[bound->inputs(i).value()] = inputs[static_cast<size_t>(i)];

  for (int i = 0; i < bound->nodes_size(); ++i) {
    const Node& node = bound->nodes(i);
    std::vector<HostTensor> operands;
    for (uint32_t id : node.inputs()) operands.push_back(values[id]);
    absl::StatusOr<std::vector<HostTensor>> results = EvaluateNode(node, operands);
    if (!results.ok())
      return Annotate(results.status(), absl::StrCat("nodes[", i, "] (", node.origin(), ")"));
    for (int k = 0; k < node.outputs_size(); ++k)
      values[node.outputs(k)] = (*results)[static_cast<size_t>(k)];
  }

  // Updates last: every node has read the old content by now.
  for (const auto& update : bound->updates()) {
    HostTensor& target = values[update.input()];
    const HostTensor& result = values[update.output()];
    if (target.raw() != result.raw() && result.size_bytes() > 0) {
      std::memmove(target.raw(), result.raw(), result.size_bytes());
    }
    values[update.output()] = target;
  }
  std::vector<HostTensor> outputs;
  for (const auto& output : bound->outputs()) outputs.push_back(values[output.value()]);
  return outputs;
}

void RegisterInterpreter() {
  EvaluatorRegistry().Register("reference", [] { return std::make_unique<Interpreter>(); });
}

}  // namespace strata::graph
