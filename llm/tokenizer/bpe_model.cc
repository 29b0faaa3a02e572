#include "llm/tokenizer/bpe_model.h"

#include <algorithm>
#include <utility>

#include "llm/tokenizer/byte_alphabet.h"

namespace strata::llm {
namespace {

uint64_t Key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

struct Node {
  int32_t id;
  int32_t previous;  // -1 at the start
  int32_t next;      // -1 at the end
};

// A merge that was possible when it was pushed; outdated when its nodes have changed since.
struct Candidate {
  uint32_t rank;
  int32_t position;
  int32_t left;
  int32_t right;

  bool operator<(
      const Candidate& other) const {  // a max heap pops the greatest: lowest rank, then leftmost
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

}  // namespace

absl::StatusOr<BpeModel> BpeModel::Create(const TokenizerSpec& spec) {
  BpeModel model;
  model.ignore_merges_ = spec.ignore_merges;
  model.fuse_unknown_ = spec.fuse_unknown;
  model.unknown_ = spec.unknown;
  if (spec.unknown.has_value() &&
      (*spec.unknown < 0 || static_cast<size_t>(*spec.unknown) >= spec.tokens.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("unk_token: id ", *spec.unknown, " is outside [0, ", spec.tokens.size(), ")"));
  }
  STRATA_RETURN_IF_ERROR(model.AddTokens(spec));
  STRATA_RETURN_IF_ERROR(model.AddMerges(spec));
  return model;
}

absl::Status BpeModel::AddTokens(const TokenizerSpec& spec) {
  byte_ids_.fill(-1);
  ids_.reserve(spec.tokens.size());
  for (size_t i = 0; i < spec.tokens.size(); ++i) {
    const Token& token = spec.tokens[i];
    const int32_t id = static_cast<int32_t>(i);
    if (token.bytes.empty() || token.literal) continue;
    const auto [existing, added] = ids_.try_emplace(token.bytes, id);
    if (!added) {
      return absl::InvalidArgumentError(absl::StrCat("vocab: ids ", existing->second, " and ", id,
                                                     " are both '", BytesToAlphabet(token.bytes),
                                                     "'; give each token one id"));
    }
    if (token.bytes.size() == 1) byte_ids_[static_cast<uint8_t>(token.bytes[0])] = id;
  }
  return absl::OkStatus();
}

absl::Status BpeModel::AddMerges(const TokenizerSpec& spec) {
  merges_.reserve(spec.merges.size());
  const auto known = [&](int32_t id) {
    return id >= 0 && static_cast<size_t>(id) < spec.tokens.size() &&
           !spec.tokens[id].bytes.empty() && !spec.tokens[id].literal;
  };
  for (size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const auto [left, right] = spec.merges[rank];
    if (!known(left) || !known(right)) {
      return absl::InvalidArgumentError(absl::StrCat("merges[", rank,
                                                     "]: ", known(left) ? right : left,
                                                     " is no id of a token of the vocabulary"));
    }
    const std::optional<int32_t> result = Find(spec.tokens[left].bytes + spec.tokens[right].bytes);
    if (!result.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("merges[", rank, "]: its result '", BytesToAlphabet(spec.tokens[left].bytes),
                       BytesToAlphabet(spec.tokens[right].bytes), "' is not in the vocabulary"));
    }
    const auto [existing, added] =
        merges_.try_emplace(Key(left, right), Merge{static_cast<uint32_t>(rank), *result});
    if (!added) {
      return absl::InvalidArgumentError(absl::StrCat("merges[", rank, "]: the same as merges[",
                                                     existing->second.rank,
                                                     "]; a pair has one rank"));
    }
  }
  return absl::OkStatus();
}

std::optional<int32_t> BpeModel::Find(absl::string_view bytes) const {
  const auto it = ids_.find(bytes);
  if (it == ids_.end()) return std::nullopt;
  return it->second;
}

const BpeModel::Merge* BpeModel::FindMerge(int32_t left, int32_t right) const {
  const auto it = merges_.find(Key(left, right));
  return it == merges_.end() ? nullptr : &it->second;
}

void BpeModel::AppendSymbols(absl::string_view piece, std::vector<int32_t>* symbols) const {
  bool after_unknown = false;
  for (char c : piece) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(c)];
    if (id >= 0) {
      symbols->push_back(id);
    } else if (unknown_.has_value() && !(after_unknown && fuse_unknown_)) {
      symbols->push_back(*unknown_);
    }
    after_unknown = id < 0;
  }
}

void BpeModel::Encode(absl::string_view piece, std::vector<int32_t>* ids) const {
  if (ignore_merges_) {
    if (const std::optional<int32_t> whole = Find(piece); whole.has_value())
      return ids->push_back(*whole);
  }
  std::vector<int32_t> symbols;
  AppendSymbols(piece, &symbols);
  if (symbols.size() < 2) {
    ids->insert(ids->end(), symbols.begin(), symbols.end());
    return;
  }
  const int32_t size = static_cast<int32_t>(symbols.size());
  std::vector<Node> nodes(symbols.size());
  std::vector<Candidate> heap;
  const auto consider = [&](int32_t position) {
    if (position < 0 || nodes[position].next < 0) return false;
    const int32_t left = nodes[position].id;
    const int32_t right = nodes[nodes[position].next].id;
    const Merge* merge = FindMerge(left, right);
    if (merge != nullptr) heap.push_back({merge->rank, position, left, right});
    return merge != nullptr;
  };
  for (int32_t i = 0; i < size; ++i) nodes[i] = {symbols[i], i - 1, i + 1 < size ? i + 1 : -1};
  for (int32_t i = 0; i + 1 < size; ++i) consider(i);
  std::make_heap(heap.begin(), heap.end());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Candidate best = heap.back();
    heap.pop_back();
    Node& node = nodes[best.position];
    // A node that was swallowed has id -1.
    if (node.id != best.left || node.next < 0 || nodes[node.next].id != best.right) continue;
    node.id = FindMerge(best.left, best.right)->result;
    Node& swallowed = nodes[node.next];
    swallowed.id = -1;
    node.next = swallowed.next;
    if (node.next >= 0) nodes[node.next].previous = best.position;
    if (consider(node.previous)) std::push_heap(heap.begin(), heap.end());
    if (consider(best.position)) std::push_heap(heap.begin(), heap.end());
  }
  for (int32_t i = 0; i >= 0; i = nodes[i].next) ids->push_back(nodes[i].id);
}

}  // namespace strata::llm
