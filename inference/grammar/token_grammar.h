// TokenGrammar: a grammar over the tokens of one vocabulary; and TokenMatcher: where a text of tokens is in it.
//
//   STRATA_ASSIGN_OR_RETURN(auto grammar, TokenGrammar::Create(JsonObject(), trie));
//   TokenMatcher matcher(grammar);
//   STRATA_ASSIGN_OR_RETURN(auto mask, matcher.Mask());    // the tokens that may come next
//   STRATA_RETURN_IF_ERROR(matcher.Accept(token));         // one of those
//   matcher.may_end();                                     // the text is whole
//
// Tokens that end a text are not the grammar's business: they may come when may_end(). A TokenGrammar may be used by many
// texts and threads at once; they share what was found out. A TokenMatcher is a small value; copies go their own ways.
#ifndef STRATA_INFERENCE_GRAMMAR_TOKEN_GRAMMAR_H_
#define STRATA_INFERENCE_GRAMMAR_TOKEN_GRAMMAR_H_

#include <cstdint>
#include <memory>
#include <mutex>

#include "base/status.h"
#include "inference/grammar/mask_maker.h"
#include "inference/grammar/matcher.h"
#include "inference/grammar/program.h"
#include "inference/grammar/token_mask.h"
#include "inference/grammar/token_trie.h"

namespace strata::inference::grammar {

class TokenGrammar {
 public:
  // INVALID_ARGUMENT when the grammar does not compile (Program), or no text can begin.
  static absl::StatusOr<std::shared_ptr<const TokenGrammar>> Create(
      Grammar grammar, std::shared_ptr<const TokenTrie> trie);

  const TokenTrie& trie() const { return *trie_; }

 private:
  friend class TokenMatcher;
  // What was found out so far. Texts that begin when it has grown too large get a new one.
  struct Knowledge {
    Knowledge(const Program* program, const TokenTrie* trie)
        : matcher(program, trie->longest()), masks(&matcher, trie) {}
    std::mutex mutex;
    Matcher matcher;
    MaskMaker masks;
  };
  static constexpr int64_t kShared = 1 << 15, kMost = 1 << 17;  // sizes of the matcher

  TokenGrammar(Program program, std::shared_ptr<const TokenTrie> trie)
      : program_(std::move(program)), trie_(std::move(trie)) {}
  std::shared_ptr<Knowledge> Current() const;

  const Program program_;
  const std::shared_ptr<const TokenTrie> trie_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<Knowledge> current_;
};

class TokenMatcher {
 public:
  // At the start of a text.
  explicit TokenMatcher(std::shared_ptr<const TokenGrammar> grammar);

  // The tokens that may come next. INVALID_ARGUMENT when the text so far needs more than the limits of Matcher.
  absl::StatusOr<std::shared_ptr<const TokenMask>> Mask() const;
  // Makes `token` part of the text. INVALID_ARGUMENT when it may not come next; the matcher is then as before.
  absl::Status Accept(int32_t token);
  bool may_end() const { return may_end_; }
  // Nothing may follow.
  bool must_end() const { return must_end_; }

 private:
  std::shared_ptr<const TokenGrammar> grammar_;
  std::shared_ptr<TokenGrammar::Knowledge> knowledge_;
  Matcher::State state_ = Matcher::kDead;
  bool may_end_ = false, must_end_ = false;
};

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_TOKEN_GRAMMAR_H_
