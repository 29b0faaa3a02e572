#include "inference/grammar/mask_maker.h"

#include <utility>

namespace strata::inference::grammar {

absl::StatusOr<std::shared_ptr<const TokenMask>> MaskMaker::MaskOf(Matcher::State state) {
  const Matcher::State near = matcher_.Near(state);
  const auto known = masks_.find(near);
  if (known != masks_.end()) return known->second;
  nodes_ = 0;
  items_before_ = matcher_.work();
  STRATA_ASSIGN_OR_RETURN(TokenMask made, Make(near));
  if (bytes_ > kMostBytes) {
    masks_.clear();
    insides_.clear();
    bytes_ = 0;
  }
  bytes_ += made.bytes();
  auto mask = std::make_shared<const TokenMask>(std::move(made));
  masks_[near] = mask;
  return mask;
}

absl::StatusOr<TokenMask> MaskMaker::Make(Matcher::State state) {
  TokenMask mask(trie_.vocabulary());
  const std::vector<Matcher::Item> items = matcher_.items(state);
  for (size_t first = 0, last = 0; first < items.size(); first = last) {
    const Matcher::Callers callers = items[first].callers;
    while (last < items.size() && items[last].callers == callers) ++last;
    const Matcher::State local =
        matcher_.Local(absl::MakeConstSpan(items).subspan(first, last - first));
    STRATA_ASSIGN_OR_RETURN(const Inside* inside, InsideOf(local));
    mask.AddAll(inside->tokens);
    if (inside->ends.empty() || callers == Matcher::kUnknown) continue;
    STRATA_ASSIGN_OR_RETURN(const Matcher::State after, matcher_.After(callers));
    for (int32_t node : inside->ends)
      STRATA_RETURN_IF_ERROR(Walk(after, node, &mask, /*ends=*/nullptr));
  }
  return mask;
}

absl::StatusOr<const MaskMaker::Inside*> MaskMaker::InsideOf(Matcher::State local) {
  std::unique_ptr<Inside>& known = insides_[local];
  if (known != nullptr) return known.get();
  auto inside = std::make_unique<Inside>(Inside{TokenMask(trie_.vocabulary()), {}});
  STRATA_RETURN_IF_ERROR(Walk(local, 0, &inside->tokens, &inside->ends));
  bytes_ += inside->tokens.bytes() + static_cast<int64_t>(inside->ends.size() * sizeof(int32_t));
  known = std::move(inside);
  return known.get();
}

absl::Status MaskMaker::CheckWork() const {
  if (nodes_ + kItemWork * (matcher_.work() - items_before_) <= kMostWork) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "the grammar is too ambiguous: too many ways to read the tokens that may follow");
}

absl::Status MaskMaker::Walk(Matcher::State state, int32_t node, TokenMask* tokens,
                             std::vector<int32_t>* ends) {
  const auto depth = [&](int32_t n) { return static_cast<size_t>(trie_.depth(n)); };
  STRATA_RETURN_IF_ERROR(CheckWork());
  way_[depth(node)] = state;
  const int32_t last = trie_.end(node);
  for (int32_t n = node + 1; n < last;) {
    ++nodes_;
    const Matcher::State before = way_[depth(n) - 1];
    Matcher::State next = matcher_.Known(before, trie_.byte(n));
    if (next == Matcher::kNotKnown) {
      STRATA_RETURN_IF_ERROR(CheckWork());
      STRATA_ASSIGN_OR_RETURN(next, matcher_.Step(before, trie_.byte(n)));
    }
    if (next == Matcher::kDead) {
      n = trie_.end(n);
      continue;
    }
    for (int32_t token : trie_.tokens(n)) tokens->Add(token);
    if (ends != nullptr && matcher_.at_bottom(next) && !trie_.is_leaf(n)) ends->push_back(n);
    way_[depth(n)] = next;
    ++n;
  }
  return absl::OkStatus();
}

}  // namespace strata::inference::grammar
