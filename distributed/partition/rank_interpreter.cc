#include "distributed/partition/rank_interpreter.h"

#include <cstring>
#include <map>
#include <set>
#include <string>

#include "compiler/device/collective_call.h"
#include "compiler/plan/collective_of.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_def.h"
#include "framework/graph/types.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;

absl::StatusOr<std::vector<HostTensor>> RunNode(const graph::Graph& graph, const graph::Node& node,
                                                absl::Span<const HostTensor> inputs,
                                                compiler::Collectives& collectives) {
  const graph::OpDef* def = graph::OpRegistry::Get().Find(node.op());
  if (def == nullptr || def->op_class != graph::OpClass::kCollective)
    return graph::EvaluateNode(node, inputs);
  const graph::Value& value = graph.values(static_cast<int>(node.outputs(0)));
  const graph::TensorType type = graph::TypeOf(value);
  const HostTensor result = HostTensor::Allocate(type.dtype, type.dims());
  STRATA_RETURN_IF_ERROR(compiler::RunCollectiveCall(plan::CollectiveOf(node, type.rank()),
                                                     inputs.empty() ? HostTensor() : inputs[0],
                                                     result, &collectives));
  return std::vector<HostTensor>{result};
}

// By node: values that nothing reads after it. Outputs, and what updates read, stay.
std::vector<std::vector<uint32_t>> DeadAfter(const graph::Graph& graph) {
  std::vector<int> last(static_cast<size_t>(graph.values_size()), -1);
  for (int n = 0; n < graph.nodes_size(); ++n) {
    for (uint32_t id : graph.nodes(n).inputs()) last[id] = n;
    for (uint32_t id : graph.nodes(n).outputs()) last[id] = n;
  }
  for (const auto& output : graph.outputs()) last[output.value()] = -1;
  for (const auto& update : graph.updates()) last[update.input()] = -1;
  std::vector<std::vector<uint32_t>> dead(static_cast<size_t>(graph.nodes_size()));
  for (uint32_t id = 0; id < last.size(); ++id)
    if (last[id] >= 0) dead[static_cast<size_t>(last[id])].push_back(id);
  return dead;
}

// Outputs, and the updates carried out. Outputs and updates are of the values before any update: what lies in the storage
// of an updated input is copied first.
std::vector<HostTensor> Finish(const graph::Graph& graph, const std::vector<HostTensor>& values) {
  std::set<const void*> targets;
  for (const auto& update : graph.updates()) targets.insert(values[update.input()].raw());
  std::map<uint32_t, HostTensor> results;  // by value
  std::vector<HostTensor> outputs;
  for (const auto& output : graph.outputs()) {
    const HostTensor& value = values[output.value()];
    HostTensor& result = results[output.value()];
    result = targets.count(value.raw()) > 0 ? value.Clone() : value;
    outputs.push_back(result);
  }
  for (const auto& update : graph.updates()) {
    const HostTensor& target = values[update.input()];
    if (target.size_bytes() > 0)
      std::memcpy(target.raw(), results.at(update.output()).raw(), target.size_bytes());
  }
  return outputs;
}

}  // namespace

absl::StatusOr<std::vector<HostTensor>> RankInterpreter::Evaluate(
    const graph::Graph& symbolic, absl::Span<const HostTensor> inputs) {
  STRATA_ASSIGN_OR_RETURN(const auto sizes, graph::MatchInputs(symbolic, inputs));
  STRATA_ASSIGN_OR_RETURN(const graph::Graph bound, graph::BindSymbols(symbolic, sizes));
  std::vector<HostTensor> values(static_cast<size_t>(bound.values_size()));
  for (int i = 0; i < bound.inputs_size(); ++i)
    values[bound.inputs(i).value()] = inputs[static_cast<size_t>(i)];
  const std::vector<std::vector<uint32_t>> dead = DeadAfter(bound);
  for (int n = 0; n < bound.nodes_size(); ++n) {
    const graph::Node& node = bound.nodes(n);
    std::vector<HostTensor> operands;
    for (uint32_t id : node.inputs()) operands.push_back(values[id]);
    absl::StatusOr<std::vector<HostTensor>> results = RunNode(bound, node, operands, collectives_);
    if (!results.ok()) return Annotate(results.status(), node.origin());
    for (int i = 0; i < node.outputs_size(); ++i)
      values[node.outputs(i)] = (*results)[static_cast<size_t>(i)];
    for (uint32_t id : dead[static_cast<size_t>(n)]) values[id] = HostTensor();
  }
  return Finish(bound, values);
}

}  // namespace strata::distributed
