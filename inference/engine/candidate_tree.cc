#include "inference/engine/candidate_tree.h"

#include <algorithm>
#include <utility>

namespace strata::inference {
namespace {

std::vector<int32_t> PathTo(const CandidateTree& tree, int32_t node) {
  std::vector<int32_t> path;
  for (; node >= 0; node = tree.nodes[CandidateTree::Index(node)].parent)
    path.push_back(tree.nodes[CandidateTree::Index(node)].token);
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace

void CutCandidates(const Sampler& sampler, CandidateTree* tree) {
  CandidateTree cut;
  for (size_t node = 0; node < tree->nodes.size(); ++node) {
    const auto number = static_cast<int32_t>(node);
    const bool leaf = std::none_of(tree->nodes.begin(), tree->nodes.end(),
                                   [&](const auto& other) { return other.parent == number; });
    if (!leaf) continue;
    std::vector<int32_t> path = PathTo(*tree, number);
    path.resize(sampler.Allowed(path));
    cut.AddPath(path, static_cast<int64_t>(tree->nodes.size()));
  }
  if (!tree->draws.empty()) {  // one path
    cut.draws = std::move(tree->draws);
    cut.draws.resize(cut.nodes.size());
  }
  *tree = std::move(cut);
}

}  // namespace strata::inference
