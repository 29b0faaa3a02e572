#include "llm/tokenizer/byte_trie.h"

#include <algorithm>

namespace strata::llm {
namespace {

// Entries [begin, end) go through a node and share the bytes up to `depth`.
struct Range {
  size_t begin, end, depth;
};

}  // namespace

ByteTrie::ByteTrie(std::vector<std::pair<absl::string_view, int32_t>> entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  nodes_.emplace_back();
  std::vector<Range> ranges = {{0, entries.size(), 0}};  // by node
  for (size_t n = 0; n < nodes_.size(); ++n) {
    auto [begin, end, depth] = ranges[n];
    for (; begin < end && entries[begin].first.size() == depth; ++begin) {
      if (nodes_[n].value < 0) nodes_[n].value = entries[begin].second;
    }
    nodes_[n].first_child = static_cast<uint32_t>(nodes_.size());
    while (begin < end) {
      const uint8_t label = static_cast<uint8_t>(entries[begin].first[depth]);
      size_t next = begin;
      while (next < end && static_cast<uint8_t>(entries[next].first[depth]) == label) ++next;
      nodes_.push_back({0, 0, label, -1});
      ranges.push_back({begin, next, depth + 1});
      ++nodes_[n].children;
      begin = next;
    }
  }
  for (uint32_t i = 0; i < nodes_[0].children; ++i) {
    root_[nodes_[nodes_[0].first_child + i].label] = nodes_[0].first_child + i;
  }
}

}  // namespace strata::llm
