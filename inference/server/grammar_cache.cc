#include "inference/server/grammar_cache.h"

#include <algorithm>
#include <utility>

#include "inference/engine/token_trie_of.h"

namespace strata::inference {

absl::StatusOr<std::shared_ptr<const grammar::TokenGrammar>> GrammarCache::Get(
    const std::string& key, const std::function<absl::StatusOr<grammar::Grammar>()>& make) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto known = entries_.find(key);
    if (known != entries_.end()) {
      known->second.used = ++clock_;
      return known->second.grammar;
    }
  }
  std::call_once(read_, [&] { trie_ = MakeTokenTrie(tokenizer_); });
  STRATA_ASSIGN_OR_RETURN(grammar::Grammar grammar, make());
  STRATA_ASSIGN_OR_RETURN(std::shared_ptr<const grammar::TokenGrammar> made,
                          grammar::TokenGrammar::Create(std::move(grammar), trie_));
  const std::lock_guard<std::mutex> lock(mutex_);
  entries_[key] = {made, ++clock_};
  if (entries_.size() > kMost) DropOldest();
  return made;
}

void GrammarCache::DropOldest() {
  entries_.erase(
      std::min_element(entries_.begin(), entries_.end(),
                       [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
}

}  // namespace strata::inference
