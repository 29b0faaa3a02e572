#include "compiler/pass/small_updates.h"

#include <algorithm>
#include <map>
#include <utility>

#include "compiler/pass/fusion_node_info.h"
#include "compiler/pass/fusion_region.h"

namespace strata::compiler {
namespace {

using graph::Graph;

// Numbers of a small parameter: its update moves less than a launch costs.
constexpr int64_t kSmallElements = 4096;
// Operands and results of the kernel of several small parameters. Those of matrices are fewer: the
// gradients wait for each other, and of a small model's memory they are much.
constexpr size_t kMaxOfVectors = 64;
constexpr size_t kMaxOfMatrices = kMaxFusedBuffers;
// Operands and results.
size_t BuffersOf(const Graph& graph, const FusionGroup& group) {
  std::vector<uint32_t> inputs;
  MakeRegion(graph, "", group.members, group.exports, &inputs);
  return inputs.size() + group.exports.size();
}

FusionGroup Join(const std::vector<const FusionGroup*>& groups) {
  FusionGroup joined = *groups.front();
  for (size_t i = 1; i < groups.size(); ++i) {
    const FusionGroup& group = *groups[i];
    joined.members.insert(joined.members.end(), group.members.begin(), group.members.end());
    joined.exports.insert(joined.exports.end(), group.exports.begin(), group.exports.end());
  }
  for (std::vector<int>* nodes : {&joined.members, &joined.exports}) {
    std::sort(nodes->begin(), nodes->end());
    nodes->erase(std::unique(nodes->begin(), nodes->end()), nodes->end());
  }
  return joined;
}

using Alike = std::vector<const FusionGroup*>;  // over one space

Alike PartOf(const Alike& alike, size_t parts, size_t part) {
  return {alike.begin() + static_cast<int64_t>(alike.size() * part / parts),
          alike.begin() + static_cast<int64_t>(alike.size() * (part + 1) / parts)};
}

// The fewest kernels of about equal size such that each has room for its buffers.
size_t KernelsFor(const Graph& graph, const Alike& alike, size_t max_buffers) {
  for (size_t kernels = 1; kernels < alike.size(); ++kernels) {
    bool fits = true;
    for (size_t k = 0; k < kernels && fits; ++k)
      fits = BuffersOf(graph, Join(PartOf(alike, kernels, k))) <= max_buffers;
    if (fits) return kernels;
  }
  return alike.size();
}

void MergeAlike(const Graph& graph, const Alike& alike, std::vector<FusionGroup>* merged) {
  const bool vectors = alike.front()->space.size() <= 1;
  const size_t kernels = KernelsFor(graph, alike, vectors ? kMaxOfVectors : kMaxOfMatrices);
  for (size_t k = 0; k < kernels; ++k) {
    const Alike part = PartOf(alike, kernels, k);
    FusionGroup joined = Join(part);
    if (IsLowerable(graph, joined)) {
      merged->push_back(std::move(joined));
    } else {
      for (const FusionGroup* group : part) merged->push_back(*group);
    }
  }
}

}  // namespace

std::vector<FusionGroup> MergeSmallUpdates(const Graph& graph, std::vector<FusionGroup> groups) {
  std::vector<FusionGroup> merged;
  std::map<FusionDims, Alike> small;  // by space
  for (const FusionGroup& group : groups) {
    if (ElementsOf(group.space) <= kSmallElements) {
      small[group.space].push_back(&group);
    } else {
      merged.push_back(group);
    }
  }
  for (const auto& [space, alike] : small) MergeAlike(graph, alike, &merged);
  return merged;
}

}  // namespace strata::compiler
