#include "distributed/partition/rank_interpreter.h"

#include <cstring>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "framework/graph/attributes.h"
#include "framework/graph/interpreter.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;

absl::StatusOr<std::vector<HostTensor>> RunNode(const graph::Node& node,
                                                absl::Span<const HostTensor> inputs,
                                                compiler::Collectives& collectives) {
  if (node.op() != "all_reduce") return graph::EvaluateNode(node, inputs);
  const bool mean = graph::AttributeReader(node).String("reduction") == "mean";
  HostTensor result = inputs[0].Clone();
  STRATA_RETURN_IF_ERROR(
      collectives.AllReduce(result.raw(), result.elements(), result.dtype(),
                            mean ? compiler::Reduction::kMean : compiler::Reduction::kSum));
  return std::vector<HostTensor>{result};
}

}  // namespace

absl::StatusOr<std::vector<HostTensor>> RankInterpreter::Evaluate(
    const graph::Graph& symbolic, absl::Span<const HostTensor> inputs) {
  STRATA_ASSIGN_OR_RETURN(const auto sizes, graph::MatchInputs(symbolic, inputs));
  STRATA_ASSIGN_OR_RETURN(const graph::Graph bound, graph::BindSymbols(symbolic, sizes));
  std::vector<HostTensor> values(static_cast<size_t>(bound.values_size()));
  for (int i = 0; i < bound.inputs_size(); ++i)
    values[bound.inputs(i).value()] = inputs[static_cast<size_t>(i)];
  for (const graph::Node& node : bound.nodes()) {
    std::vector<HostTensor> operands;
    for (uint32_t id : node.inputs()) operands.push_back(values[id]);
    absl::StatusOr<std::vector<HostTensor>> results = RunNode(node, operands, collectives_);
    if (!results.ok()) return Annotate(results.status(), node.origin());
    for (int i = 0; i < node.outputs_size(); ++i)
      values[node.outputs(i)] = (*results)[static_cast<size_t>(i)];
  }
  std::vector<HostTensor> outputs;
  for (const auto& output : bound.outputs()) outputs.push_back(values[output.value()]);
  for (const auto& update : bound.updates()) {
    std::memcpy(values[update.input()].raw(), values[update.output()].raw(),
                values[update.input()].size_bytes());
  }
  return outputs;
}

}  // namespace strata::distributed
