#include "compiler/pass/dce.h"

#include <vector>

#include "compiler/pass/rewriter.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

class DeadCodeElimination : public Pass {
 public:
  absl::string_view name() const override { return "dce"; }

  absl::StatusOr<bool> Run(const PassContext&, graph::Graph* graph) override {
    const std::vector<bool> live = LiveNodes(*graph);
    auto* nodes = graph->mutable_nodes();
    int kept = 0;
    for (int i = 0; i < nodes->size(); ++i) {
      if (!live[static_cast<size_t>(i)]) continue;
      if (i != kept) nodes->SwapElements(i, kept);
      ++kept;
    }
    if (kept == nodes->size()) return false;
    nodes->DeleteSubrange(kept, nodes->size() - kept);
    DropUnmadeValues(graph);
    return true;
  }

 private:
  // A node lives when an output of the graph needs one of its results, or when other ranks wait for
  // it.
  static std::vector<bool> LiveNodes(const graph::Graph& graph) {
    std::vector<bool> needed(static_cast<size_t>(graph.values_size()), false);
    for (const graph::Output& output : graph.outputs()) needed[output.value()] = true;
    std::vector<bool> live(static_cast<size_t>(graph.nodes_size()), false);
    for (int i = graph.nodes_size() - 1; i >= 0; --i) {
      const graph::Node& node = graph.nodes(i);
      const graph::OpDef* def = graph::OpRegistry::Get().Find(node.op());
      bool lives = def != nullptr && def->op_class == graph::OpClass::kCollective;
      for (uint32_t output : node.outputs()) lives = lives || needed[output];
      live[static_cast<size_t>(i)] = lives;
      if (!lives) continue;
      for (uint32_t input : node.inputs()) needed[input] = true;
    }
    return live;
  }
};

}  // namespace

std::unique_ptr<Pass> CreateDce() { return std::make_unique<DeadCodeElimination>(); }

}  // namespace strata::compiler
