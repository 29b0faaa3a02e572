// Finds added tokens ("<|endoftext|>") in a text: leftmost first, of those that start there the
// longest.
//
//   AddedTokenMatcher matcher(tokens);
//   matcher.Split("a<|endoftext|>b", on_text, on_token);
//   // on_text("a"), on_token(50256), on_text("b")
//
// Immutable and safe to share between threads.
#ifndef STRATA_LLM_TOKENIZER_ADDED_TOKENS_H_
#define STRATA_LLM_TOKENIZER_ADDED_TOKENS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "llm/tokenizer/byte_trie.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

class AddedTokenMatcher {
 public:
  // Contents are unique and not empty.
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  // Whether a token that starts at `begin` of the text may be found there.
  using Filter = absl::FunctionRef<bool(const AddedToken& token, size_t begin)>;

  // Calls back in order of the text; stretches between tokens are never empty.
  void Split(absl::string_view text, absl::FunctionRef<void(absl::string_view)> on_text,
             absl::FunctionRef<void(int32_t)> on_token, Filter accept) const;
  void Split(absl::string_view text, absl::FunctionRef<void(absl::string_view)> on_text,
             absl::FunctionRef<void(int32_t)> on_token) const {
    Split(text, on_text, on_token, [](const AddedToken&, size_t) { return true; });
  }

  bool empty() const { return tokens_.empty(); }

 private:
  // The longest token accepted at `begin`; null when there is none.
  const AddedToken* Longest(absl::string_view text, size_t begin, Filter accept) const;

  std::vector<AddedToken> tokens_;
  bool starts_[256] = {};  // whether some token starts with the byte
  ByteTrie trie_;          // contents -> places in tokens_
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_ADDED_TOKENS_H_
