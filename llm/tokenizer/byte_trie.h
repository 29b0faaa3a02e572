// A set of byte strings with a number each, for finding all of them that start at a place of a text.
//
//   ByteTrie trie({{"a", 1}, {"abc", 2}});
//   trie.ForEachPrefix("abcd", [](size_t size, int32_t value) { ... });   // (1, 1), (3, 2)
//   trie.Longest("abx")                                                   // {1, 1}
//
// Children of a node lie side by side, sorted; the root's are in a table. Immutable.
#ifndef STRATA_LLM_TOKENIZER_BYTE_TRIE_H_
#define STRATA_LLM_TOKENIZER_BYTE_TRIE_H_

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata::llm {

class ByteTrie {
 public:
  struct Match {
    size_t size;    // 0: none
    int32_t value;  // >= 0
  };

  ByteTrie() : nodes_(1) {}

  // Keys are not empty; of equal ones the first counts. Values are >= 0. Keys are copied.
  explicit ByteTrie(std::vector<std::pair<absl::string_view, int32_t>> entries);

  // Calls visit(size, value) for each key that `text` starts with, shortest first.
  template <typename Visit>
  void ForEachPrefix(absl::string_view text, Visit visit) const {
    if (text.empty()) return;
    uint32_t node = root_[static_cast<uint8_t>(text[0])];
    for (size_t i = 1; node != 0; ++i) {
      if (nodes_[node].value >= 0) visit(i, nodes_[node].value);
      if (i == text.size()) return;
      node = Child(nodes_[node], static_cast<uint8_t>(text[i]));
    }
  }

  Match Longest(absl::string_view text) const {
    Match longest{0, -1};
    ForEachPrefix(text, [&](size_t size, int32_t value) { longest = {size, value}; });
    return longest;
  }

 private:
  struct Node {
    uint32_t first_child = 0;
    uint16_t children = 0;
    uint8_t label = 0;
    int32_t value = -1;
  };

  // 0: there is none.
  uint32_t Child(const Node& node, uint8_t label) const {
    uint32_t low = node.first_child;
    uint32_t high = low + node.children;
    while (low < high) {
      const uint32_t middle = (low + high) / 2;
      if (nodes_[middle].label == label) return middle;
      if (nodes_[middle].label < label) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return 0;
  }

  std::vector<Node> nodes_;  // nodes_[0] is the root
  std::array<uint32_t, 256> root_{};
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_BYTE_TRIE_H_
