// MaskMaker: which tokens may follow a state of a matcher, found without trying each token in each state.
//
//   MaskMaker masks(&matcher, &trie);
//   STRATA_ASSIGN_OR_RETURN(const TokenMask* mask, masks.MaskOf(state));
//
// A state's items are parted by their callers. What a part allows inside its own rule does not depend on the callers: the
// trie is walked once for it, in Matcher::Local(). The walk notes the nodes at which the rule can end; from those alone
// it goes on with what the callers allow, each time. So in a string of a JSON text, deep inside whatever, the tokens
// without a quote are known, and only those that go on behind one are walked. Whole masks are kept as well.
//
// `matcher` must be made with the trie's longest token as horizon. Not thread-safe.
#ifndef STRATA_INFERENCE_GRAMMAR_MASK_MAKER_H_
#define STRATA_INFERENCE_GRAMMAR_MASK_MAKER_H_

#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/status.h"
#include "inference/grammar/matcher.h"
#include "inference/grammar/token_mask.h"
#include "inference/grammar/token_trie.h"

namespace strata::inference::grammar {

class MaskMaker {
 public:
  MaskMaker(Matcher* matcher, const TokenTrie* trie)
      : matcher_(*matcher), trie_(*trie), way_(static_cast<size_t>(trie->longest()) + 1) {}

  // Tokens after which some text goes on or ends. INVALID_ARGUMENT when the grammar needs more than kMostWork.
  absl::StatusOr<std::shared_ptr<const TokenMask>> MaskOf(Matcher::State state);

  // Nodes walked for one mask, at most; an item that the matcher looks at counts as kItemWork nodes. A tenth of a second.
  static constexpr int64_t kMostWork = 1 << 24, kItemWork = 16;
  // Of all masks that are kept.
  static constexpr int64_t kMostBytes = int64_t{8} << 20;

 private:
  // What a rule allows wherever it was called.
  struct Inside {
    TokenMask tokens;
    std::vector<int32_t> ends;  // nodes at which it can end and tokens go on
  };

  absl::StatusOr<TokenMask> Make(Matcher::State state);
  absl::Status CheckWork() const;
  absl::StatusOr<const Inside*> InsideOf(Matcher::State local);
  // Adds the tokens below `node` that may follow `state`; `ends` may be null.
  absl::Status Walk(Matcher::State state, int32_t node, TokenMask* tokens,
                    std::vector<int32_t>* ends);

  Matcher& matcher_;
  const TokenTrie& trie_;
  absl::flat_hash_map<Matcher::State, std::unique_ptr<Inside>> insides_;
  absl::flat_hash_map<Matcher::State, std::shared_ptr<const TokenMask>> masks_;
  int64_t bytes_ = 0;
  int64_t nodes_ = 0, items_before_ = 0;  // of the mask that is being made
  std::vector<Matcher::State> way_;       // states by depth
};

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_MASK_MAKER_H_
