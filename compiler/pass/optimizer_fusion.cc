#include "compiler/pass/optimizer_fusion.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "compiler/pass/fusion_group.h"
#include "compiler/pass/fusion_rewrite.h"
#include "compiler/pass/optimizer_groups.h"
#include "compiler/pass/small_updates.h"

namespace strata::compiler {
namespace {

using graph::Graph;

// The nodes that stay beside the groups: those of no group, and members that others read too, or whose values the graph
// gives out.
std::vector<int> NodesAlone(const Graph& graph, const std::vector<FusionGroup>& groups) {
  const size_t count = static_cast<size_t>(graph.nodes_size());
  std::vector<std::vector<int>> readers(static_cast<size_t>(graph.values_size())), in(count);
  std::vector<bool> exported(count, false), alone(count, false);
  std::vector<bool> given_out(static_cast<size_t>(graph.values_size()), false);
  for (const graph::Output& output : graph.outputs()) given_out[output.value()] = true;
  for (size_t n = 0; n < count; ++n) {
    for (uint32_t id : graph.nodes(static_cast<int>(n)).inputs())
      readers[id].push_back(static_cast<int>(n));
  }
  for (size_t g = 0; g < groups.size(); ++g) {
    for (int n : groups[g].members) in[static_cast<size_t>(n)].push_back(static_cast<int>(g));
    for (int n : groups[g].exports) exported[static_cast<size_t>(n)] = true;
  }
  // Whether all kernels that run `reader` also run `node`.
  const auto has_its_own = [&](size_t node, size_t reader) {
    return !alone[reader] && std::all_of(in[reader].begin(), in[reader].end(), [&](int g) {
      return std::find(in[node].begin(), in[node].end(), g) != in[node].end();
    });
  };
  std::vector<int> result;
  for (size_t n = count; n-- > 0;) {
    if (exported[n]) continue;
    alone[n] = in[n].empty();
    for (uint32_t id : graph.nodes(static_cast<int>(n)).outputs()) {
      alone[n] = alone[n] || given_out[id];
      for (int reader : readers[id])
        alone[n] = alone[n] || !has_its_own(n, static_cast<size_t>(reader));
    }
    if (alone[n]) result.push_back(static_cast<int>(n));
  }
  std::reverse(result.begin(), result.end());
  return result;
}

class OptimizerFusion : public Pass {
 public:
  absl::string_view name() const override { return "optimizer_fusion"; }

  absl::StatusOr<bool> Run(const PassContext&, Graph* graph) override {
    FusionGroups found;
    found.groups = MergeSmallUpdates(*graph, FindOptimizerGroups(*graph));
    if (found.groups.empty()) return false;
    found.alone = NodesAlone(*graph, found.groups);
    WriteFusionNodes(std::move(found), graph);
    return true;
  }
};

}  // namespace

std::unique_ptr<Pass> CreateOptimizerFusion() { return std::make_unique<OptimizerFusion>(); }

}  // namespace strata::compiler
