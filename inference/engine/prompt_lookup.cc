#include "inference/engine/prompt_lookup.h"

#include <algorithm>

namespace strata::inference {

absl::StatusOr<std::vector<CandidateTree>> PromptLookup::Propose(absl::Span<const Ask> asks) {
  std::vector<CandidateTree> trees;
  for (const Ask& ask : asks) trees.push_back(Guess(ask));
  return trees;
}

CandidateTree PromptLookup::Guess(const Ask& ask) const {
  CandidateTree tree;
  const auto size = static_cast<int64_t>(ask.tokens.size());
  int64_t paths = 0;
  for (int64_t n = std::min(longest_, size - 1); n >= 1 && paths == 0; --n) {
    const absl::Span<const int32_t> end = ask.tokens.subspan(static_cast<size_t>(size - n));
    for (int64_t at = size - n - 1; at >= 0 && paths < width_; --at) {
      if (ask.tokens.subspan(static_cast<size_t>(at), end.size()) != end) continue;
      const auto depth = static_cast<size_t>(std::min(ask.depth, ask.most));
      const size_t before = tree.nodes.size();
      tree.AddPath(ask.tokens.subspan(static_cast<size_t>(at + n), depth), ask.most);
      if (tree.nodes.size() > before) ++paths;
    }
  }
  return tree;
}

}  // namespace strata::inference
