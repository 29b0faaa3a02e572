#include "compiler/pass/fusion_region.h"

#include <map>
#include <set>

#include "compiler/pass/rewriter.h"

namespace strata::compiler {

using graph::Graph;
using graph::Node;

Graph MakeRegion(const Graph& graph, const std::string& name, const std::vector<int>& members,
                 const std::vector<int>& exports, std::vector<uint32_t>* inputs) {
  Graph region;
  region.set_version(1);
  region.set_name(name);
  std::map<uint32_t, uint32_t> ids;
  const auto add = [&](uint32_t id) {
    ids[id] = static_cast<uint32_t>(region.values_size());
    graph::Value* value = region.add_values();
    *value = graph.values(static_cast<int>(id));
    value->clear_gradient_of();
    value->clear_sharding();
    return ids[id];
  };
  std::set<uint32_t> made;
  for (int n : members) made.insert(graph.nodes(n).outputs(0));
  for (int n : members) {
    const Node& node = graph.nodes(n);
    for (uint32_t id : node.inputs()) {
      if (made.count(id) > 0 || ids.count(id) > 0) continue;
      graph::Input* input = region.add_inputs();
      input->set_value(add(id));
      input->set_kind(graph::DATA);
      inputs->push_back(id);
    }
  }
  for (int n : members) {
    Node* node = region.add_nodes();
    *node = graph.nodes(n);
    for (int i = 0; i < node->inputs_size(); ++i) node->set_inputs(i, ids.at(node->inputs(i)));
    node->set_outputs(0, add(node->outputs(0)));
  }
  for (int n : exports) {
    const uint32_t id = graph.nodes(n).outputs(0);
    graph::Output* output = region.add_outputs();
    output->set_value(ids.at(id));
    output->set_name(graph.values(static_cast<int>(id)).name());
    output->set_combine(graph::REPLICATED);
  }
  return region;
}

Node MakeFusion(const Graph& graph, const std::string& kind, const std::vector<int>& members,
                const std::vector<int>& exports) {
  Node fusion;
  fusion.set_op("fusion");
  std::vector<uint32_t> inputs;
  *fusion.add_regions() = MakeRegion(graph, kind, members, exports, &inputs);
  fusion.mutable_inputs()->Add(inputs.begin(), inputs.end());
  for (int n : exports) fusion.add_outputs(graph.nodes(n).outputs(0));
  std::string origin;
  for (int n : members) {
    if (graph.nodes(n).op() != "constant" && !graph.nodes(n).origin().empty())
      JoinOrigin(graph.nodes(n).origin(), &origin);
  }
  fusion.set_origin(origin);
  return fusion;
}

}  // namespace strata::compiler
