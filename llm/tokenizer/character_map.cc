#include "llm/tokenizer/character_map.h"

#include <cstring>
#include <set>
#include <utility>

#include "inference/engine/utf8.h"

namespace strata::llm {
namespace {

// One unit of the double array. A node's children lie at `position ^ offset ^ label`; where a key
// ends, the child with label 0 holds the value.
bool HasLeaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t ValueOf(uint32_t unit) { return unit & 0x7FFFFFFFu; }
uint32_t LabelOf(uint32_t unit) { return unit & 0x800000FFu; }
uint32_t OffsetOf(uint32_t unit) { return unit >> 10 << ((unit & 1u << 9) >> 6); }

constexpr uint32_t kLargestOffset = 1u << 21;  // without the shift

// Lays a sorted list of keys out as a double array.
class TriePacker {
 public:
  explicit TriePacker(const std::vector<std::pair<std::string, uint32_t>>& keys) : keys_(keys) {
    Use(0);
    units_[0] = 0;
    if (!keys_.empty()) Place(0, 0, keys_.size(), 0);
  }

  // Empty when the map is too large for the form.
  const std::vector<uint32_t>& units() const { return units_; }
  bool overflow() const { return overflow_; }

 private:
  struct Child {
    uint8_t label;
    size_t begin, end;
  };

  // keys_[begin, end) share their first `depth` bytes and belong under the unit at `position`.
  void Place(uint32_t position, size_t begin, size_t end, size_t depth) {
    std::vector<Child> children;
    for (size_t i = begin; i < end; ++i) {
      const uint8_t label =
          depth < keys_[i].first.size() ? static_cast<uint8_t>(keys_[i].first[depth]) : 0;
      if (children.empty() || children.back().label != label) children.push_back({label, i, i});
      children.back().end = i + 1;
    }
    const uint32_t base = FindBase(children);
    const uint32_t offset = position ^ base;
    overflow_ |= offset >= kLargestOffset;
    if (overflow_) return;
    units_[position] |= offset << 10;
    if (children[0].label == 0) units_[position] |= 1u << 8;
    for (const Child& child : children) Use(base ^ child.label);
    for (const Child& child : children) {
      const uint32_t at = base ^ child.label;
      units_[at] = child.label;
      if (child.label == 0) {
        units_[at] = keys_[child.begin].second | 1u << 31;
      } else {
        Place(at, child.begin, child.end, depth + 1);
      }
    }
  }

  // No two nodes share a base: a child is told by its label alone. Units long before the last find
  // are mostly taken: not looked at again.
  uint32_t FindBase(const std::vector<Child>& children) {
    for (uint32_t base = last_base_ > 512 ? last_base_ - 512 : 1;; ++base) {
      bool free = bases_.count(base) == 0;
      for (const Child& child : children) free &= !Used(base ^ child.label);
      if (!free) continue;
      bases_.insert(base);
      return last_base_ = base;
    }
  }

  bool Used(uint32_t at) const { return at < used_.size() && used_[at]; }

  void Use(uint32_t at) {
    if (at >= used_.size()) {
      used_.resize((at | 0xFF) + 1, false);
      units_.resize(used_.size(), 0);
    }
    used_[at] = true;
  }

  const std::vector<std::pair<std::string, uint32_t>>& keys_;
  std::vector<uint32_t> units_;
  std::vector<bool> used_;
  std::set<uint32_t> bases_;
  uint32_t last_base_ = 1;
  bool overflow_ = false;
};

}  // namespace

absl::StatusOr<CharacterMapper> CharacterMapper::Create(absl::string_view bytes) {
  uint32_t trie_size = 0;
  if (bytes.size() < sizeof(trie_size)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a character map of ", bytes.size(), " bytes has no size of its trie"));
  }
  std::memcpy(&trie_size, bytes.data(), sizeof(trie_size));
  bytes.remove_prefix(sizeof(trie_size));
  if (trie_size > bytes.size() || trie_size % 4 != 0 || trie_size == 0) {
    return absl::InvalidArgumentError(absl::StrCat("the trie of a character map is said to have ",
                                                   trie_size, " bytes of the ", bytes.size(),
                                                   " there are"));
  }
  CharacterMapper mapper;
  mapper.trie_.resize(trie_size / 4);
  std::memcpy(mapper.trie_.data(), bytes.data(), trie_size);
  mapper.replacements_ = std::string(bytes.substr(trie_size));
  return mapper;
}

size_t CharacterMapper::Longest(absl::string_view text, absl::string_view* replacement) const {
  size_t longest = 0;
  size_t position = OffsetOf(trie_[0]);
  for (size_t i = 0; i < text.size() && text[i] != 0; ++i) {
    const uint8_t byte = static_cast<uint8_t>(text[i]);
    position ^= byte;
    if (position >= trie_.size() || LabelOf(trie_[position]) != byte) break;
    const uint32_t unit = trie_[position];
    position ^= OffsetOf(unit);
    if (!HasLeaf(unit) || position >= trie_.size()) continue;
    const size_t at = ValueOf(trie_[position]);
    if (at >= replacements_.size()) continue;
    const size_t end = replacements_.find('\0', at);
    *replacement = absl::string_view(replacements_)
                       .substr(at, (end == std::string::npos ? replacements_.size() : end) - at);
    longest = i + 1;
  }
  return longest;
}

std::string CharacterMapper::Map(absl::string_view text) const {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    absl::string_view replacement;
    size_t size = Longest(text, &replacement);
    if (size == 0) {
      size = inference::Utf8Scan(text).size;
      replacement = text.substr(0, size);
    }
    result.append(replacement.data(), replacement.size());
    text.remove_prefix(size);
  }
  return result;
}

absl::StatusOr<std::string> PackCharacterMap(const std::map<std::string, std::string>& map) {
  std::vector<std::pair<std::string, uint32_t>> keys;
  std::string replacements;
  for (const auto& [key, replacement] : map) {  // in order of bytes
    if (key.empty()) return absl::InvalidArgumentError("a character map cannot map nothing");
    if (key.find('\0') != std::string::npos || replacement.find('\0') != std::string::npos) {
      return absl::InvalidArgumentError("a character map cannot hold zero bytes");
    }
    keys.emplace_back(key, static_cast<uint32_t>(replacements.size()));
    replacements += replacement;
    replacements += '\0';
  }
  const TriePacker packer(keys);
  if (packer.overflow()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a character map of ", map.size(), " entries is too large for its form"));
  }
  const uint32_t trie_size = static_cast<uint32_t>(packer.units().size() * 4);
  std::string bytes(sizeof(trie_size) + trie_size, '\0');
  std::memcpy(bytes.data(), &trie_size, sizeof(trie_size));
  std::memcpy(bytes.data() + sizeof(trie_size), packer.units().data(), trie_size);
  return bytes + replacements;
}

}  // namespace strata::llm
