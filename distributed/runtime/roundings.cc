#include "distributed/runtime/roundings.h"

#include <algorithm>
#include <vector>

#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"

namespace strata::distributed {
namespace {

int64_t RoundingsOf(const graph::Node& node) {
  const graph::OpDef* def = graph::OpRegistry::Get().Find(node.op());
  if (def == nullptr) return 1;
  if (def->op_class == graph::OpClass::kView || def->op_class == graph::OpClass::kMovement)
    return 0;
  if (def->op_class != graph::OpClass::kCollective) return 1;
  const bool sums = node.op() == "all_reduce" || node.op() == "reduce_scatter";
  return sums ? graph::AttributeReader(node).Int("ranks", 1) - 1 : 0;
}

}  // namespace

std::map<std::string, int64_t> RoundingsOfOutputs(const graph::Graph& graph) {
  std::vector<int64_t> chain(static_cast<size_t>(graph.values_size()), 0);
  for (const graph::Node& node : graph.nodes()) {
    int64_t longest = 0;
    for (uint32_t input : node.inputs()) longest = std::max(longest, chain[input]);
    for (uint32_t output : node.outputs()) chain[output] = longest + RoundingsOf(node);
  }
  std::map<std::string, int64_t> outputs;
  for (const graph::Output& output : graph.outputs())
    outputs[output.name()] = chain[output.value()];
  return outputs;
}

}  // namespace strata::distributed
