#include "inference/grammar/token_trie.h"

#include <algorithm>
#include <utility>

namespace strata::inference::grammar {

std::string SpecialToken(int32_t id) {
  std::string text = "\xff";  // in no text of UTF-8
  for (int shift : {24, 16, 8, 0}) text += static_cast<char>(static_cast<uint32_t>(id) >> shift);
  return text;
}

TokenTrie TokenTrie::Build(std::vector<std::string> bytes, const std::vector<bool>& special) {
  TokenTrie trie;
  trie.bytes_ = std::move(bytes);
  for (size_t id = 0; id < trie.bytes_.size(); ++id) {
    std::string& text = trie.bytes_[id];
    if (special[id])
      text = SpecialToken(static_cast<int32_t>(id));
    else if (text.find('\xff') != std::string::npos)
      text.clear();  // the byte 0xff of byte-level vocabularies could spell a special token
    if (!text.empty()) trie.ordered_.push_back(static_cast<int32_t>(id));
  }
  const auto text = [&](int32_t id) -> const std::string& {
    return trie.bytes_[static_cast<size_t>(id)];
  };
  std::sort(trie.ordered_.begin(), trie.ordered_.end(), [&](int32_t a, int32_t b) {
    const int order = text(a).compare(text(b));
    return order != 0 ? order < 0 : a < b;
  });
  trie.nodes_.emplace_back();
  std::vector<int32_t> path = {0};  // nodes of the last text and its beginnings
  const auto close = [&](size_t depth) {
    for (; path.size() > depth + 1; path.pop_back())
      trie.nodes_[static_cast<size_t>(path.back())].end = trie.size();
  };
  std::string last;
  for (size_t i = 0; i < trie.ordered_.size(); ++i) {
    const std::string& next = text(trie.ordered_[i]);
    const auto common = static_cast<size_t>(
        std::mismatch(last.begin(), last.end(), next.begin(), next.end()).first - last.begin());
    close(common);
    for (size_t depth = common; depth < next.size(); ++depth) {
      path.push_back(trie.size());
      trie.nodes_.push_back({static_cast<uint8_t>(next[depth]), static_cast<int32_t>(depth) + 1, 0,
                             static_cast<int32_t>(i)});
    }
    last = next;
    trie.longest_ = std::max(trie.longest_, static_cast<int32_t>(next.size()));
  }
  close(0);
  trie.nodes_[0].end = trie.size();
  return trie;
}

const std::string& TokenTrie::bytes(int32_t token) const {
  static const std::string& none = *new std::string();
  return token < 0 || token >= vocabulary() ? none : bytes_[static_cast<size_t>(token)];
}

}  // namespace strata::inference::grammar
