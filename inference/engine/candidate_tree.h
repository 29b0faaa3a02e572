// CandidateTree: what speculation guesses to come next: several continuations of one text, sharing their beginnings.
//
//   CandidateTree tree;
//   tree.AddPath({5, 6, 7}, /*most=*/8);
//   tree.AddPath({5, 9}, 8);        // 5 is shared: nodes 5, 6, 7, 9
#ifndef STRATA_INFERENCE_ENGINE_CANDIDATE_TREE_H_
#define STRATA_INFERENCE_ENGINE_CANDIDATE_TREE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "inference/engine/sampler.h"

namespace strata::inference {

struct CandidateTree {
  struct Node {
    int32_t token = 0;
    int32_t parent = -1;  // index of a node before this one; -1: follows the known text
    int32_t depth = 0;    // 0 when the parent is -1
    // Of the first path, whose nodes come first: lies where the text itself will lie. Other nodes lie aside until they
    // are accepted.
    bool trunk = false;
  };
  std::vector<Node> nodes;
  // What the token of node i was drawn from; empty when candidates were not drawn. A tree with draws is one path.
  std::vector<Choices> draws;

  bool empty() const { return nodes.empty(); }

  // The child of `parent` (-1: of the text) with this token, or -1.
  int32_t Child(int32_t parent, int32_t token) const {
    for (size_t i = 0; i < nodes.size(); ++i)
      if (nodes[i].parent == parent && nodes[i].token == token) return static_cast<int32_t>(i);
    return -1;
  }

  // Adds a continuation, as far as there are at most `most` nodes.
  void AddPath(absl::Span<const int32_t> tokens, int64_t most) {
    int32_t parent = -1;
    for (int32_t token : tokens) {
      int32_t child = Child(parent, token);
      if (child < 0) {
        if (static_cast<int64_t>(nodes.size()) >= most) return;
        child = static_cast<int32_t>(nodes.size());
        const bool trunk = nodes.empty() || (parent == child - 1 && nodes.back().trunk);
        nodes.push_back({token, parent, parent < 0 ? 0 : nodes[Index(parent)].depth + 1, trunk});
      }
      parent = child;
    }
  }

  static size_t Index(int32_t node) { return static_cast<size_t>(node); }
};

// Leaves out the candidates that the grammar of the answer does not allow, and all behind them.
void CutCandidates(const Sampler& sampler, CandidateTree* tree);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_CANDIDATE_TREE_H_
