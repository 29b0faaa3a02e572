// TokenTrie: the tokens of a vocabulary, ordered by their bytes, so that tokens with a common beginning are looked at
// together.
//
//   const TokenTrie trie = TokenTrie::Build({"a", "ab", "b", "<|end|>"}, /*special=*/{false, false, false, true});
//   for (int32_t node = 1; node < trie.size();) {   // all tokens that may follow
//     ... trie.byte(node), trie.depth(node), trie.tokens(node) ...
//     node = goes_on ? node + 1 : trie.end(node);
//   }
//
// Node 0 is the empty text. Nodes stand in the order of their texts: behind a node those that begin with it, up to end().
// Tokens without bytes are not there, nor those with the byte 0xff, which is in no text of UTF-8. A special token stands
// under SpecialToken(id), which begins with that byte: what is written never matches one, and a grammar can name it.
#ifndef STRATA_INFERENCE_GRAMMAR_TOKEN_TRIE_H_
#define STRATA_INFERENCE_GRAMMAR_TOKEN_TRIE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace strata::inference::grammar {

// The bytes that stand for a special token in grammars.
std::string SpecialToken(int32_t id);

class TokenTrie {
 public:
  // `bytes`: of all tokens, by id. `special`: whether each is a mark and no text; as many.
  static TokenTrie Build(std::vector<std::string> bytes, const std::vector<bool>& special);

  int32_t size() const { return static_cast<int32_t>(nodes_.size()); }  // nodes, >= 1
  uint8_t byte(int32_t node) const { return At(node).byte; }
  int32_t depth(int32_t node) const { return At(node).depth; }  // bytes
  int32_t end(int32_t node) const { return At(node).end; }  // behind the nodes that begin with it
  bool is_leaf(int32_t node) const { return At(node).end == node + 1; }
  // The tokens with exactly these bytes.
  absl::Span<const int32_t> tokens(int32_t node) const {
    const auto last = static_cast<size_t>(node) + 1 == nodes_.size()
                          ? ordered_.size()
                          : static_cast<size_t>(At(node + 1).tokens);
    const auto first = static_cast<size_t>(At(node).tokens);
    return absl::MakeConstSpan(ordered_).subspan(first, last - first);
  }

  int32_t vocabulary() const { return static_cast<int32_t>(bytes_.size()); }
  int32_t longest() const { return longest_; }  // token, in bytes
  // What Build() was given, or SpecialToken(); "" for tokens that are not there and ids outside the vocabulary.
  const std::string& bytes(int32_t token) const;

 private:
  struct Node {
    uint8_t byte = 0;
    int32_t depth = 0, end = 0;
    int32_t tokens = 0;  // where its own begin in ordered_
  };
  const Node& At(int32_t node) const { return nodes_[static_cast<size_t>(node)]; }

  std::vector<Node> nodes_;
  std::vector<int32_t> ordered_;    // ids, in the order of their nodes
  std::vector<std::string> bytes_;  // by id
  int32_t longest_ = 0;
};

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_TOKEN_TRIE_H_
