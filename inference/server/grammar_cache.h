// GrammarCache: grammars made ready for a server's tokenizer; those asked for again are there at once, with all that was
// found out about them.
//
//   STRATA_ASSIGN_OR_RETURN(auto grammar, cache.Get("regex:a*", [] { return ...; }));
//
// Thread-safe. Grammars are made in the caller's thread.
#ifndef STRATA_INFERENCE_SERVER_GRAMMAR_CACHE_H_
#define STRATA_INFERENCE_SERVER_GRAMMAR_CACHE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/status.h"
#include "inference/engine/tokenizer.h"
#include "inference/grammar/grammar.h"
#include "inference/grammar/token_grammar.h"

namespace strata::inference {

class GrammarCache {
 public:
  // `tokenizer` must outlive the cache; it is read when the first grammar is asked for.
  explicit GrammarCache(const Tokenizer* tokenizer) : tokenizer_(*tokenizer) {}

  // `key` stands for the grammar that `make` makes. Errors are not kept.
  absl::StatusOr<std::shared_ptr<const grammar::TokenGrammar>> Get(
      const std::string& key, const std::function<absl::StatusOr<grammar::Grammar>()>& make);

  static constexpr size_t kMost = 32;  // grammars; the least recently used goes first

 private:
  struct Entry {
    std::shared_ptr<const grammar::TokenGrammar> grammar;
    int64_t used = 0;
  };
  void DropOldest();

  const Tokenizer& tokenizer_;
  std::once_flag read_;
  std::shared_ptr<const grammar::TokenTrie> trie_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, Entry> entries_;
  int64_t clock_ = 0;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_GRAMMAR_CACHE_H_
