#include "compiler/driver/fusion_split.h"

#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;

class Splitter {
 public:
  explicit Splitter(const Graph& graph) : graph_(graph) {
    for (const graph::Value& value : graph.values()) names_.insert(value.name());
  }

  Graph Run(const std::function<bool(const Node&)>& splits) {
    result_ = graph_;
    result_.clear_nodes();
    for (const Node& node : graph_.nodes()) {
      if (node.op() == "fusion" && node.regions_size() == 1 && splits(node)) {
        Split(node);
      } else {
        *result_.add_nodes() = node;
      }
    }
    return std::move(result_);
  }

 private:
  void Split(const Node& fusion) {
    const Graph& region = fusion.regions(0);
    std::map<uint32_t, uint32_t> outer;  // the region's value -> the graph's
    for (int i = 0; i < region.inputs_size(); ++i)
      outer[region.inputs(i).value()] = fusion.inputs(i);
    for (int i = 0; i < region.outputs_size(); ++i)
      outer[region.outputs(i).value()] = fusion.outputs(i);
    for (const Node& inner : region.nodes()) {
      Node* node = result_.add_nodes();
      *node = inner;
      if (node->origin().empty()) node->set_origin(fusion.origin());
      for (int i = 0; i < inner.inputs_size(); ++i) node->set_inputs(i, outer.at(inner.inputs(i)));
      for (int i = 0; i < inner.outputs_size(); ++i) {
        const uint32_t id = inner.outputs(i);
        if (outer.count(id) == 0) outer[id] = AddValue(region.values(static_cast<int>(id)));
        node->set_outputs(i, outer.at(id));
      }
    }
  }

  // Under a name that is free.
  uint32_t AddValue(const graph::Value& value) {
    const uint32_t id = static_cast<uint32_t>(result_.values_size());
    graph::Value* added = result_.add_values();
    *added = value;
    for (int i = 1; !names_.insert(added->name()).second; ++i)
      added->set_name(absl::StrCat(value.name(), "_", i));
    return id;
  }

  const Graph& graph_;
  Graph result_;
  std::set<std::string> names_;
};

}  // namespace

Graph SplitFusions(const Graph& graph, const std::function<bool(const Node&)>& splits) {
  return Splitter(graph).Run(splits);
}

}  // namespace strata::compiler
