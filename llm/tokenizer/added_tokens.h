// Finds added tokens ("<|endoftext|>") in a text: leftmost first, of those that start there the
// longest.
//
//   AddedTokenMatcher matcher(tokens);
//   matcher.Split("a<|endoftext|>b", on_text, on_token);  // on_text("a"), on_token(50256),
//   on_text("b")
//
// Immutable and safe to share between threads.
#ifndef STRATA_LLM_TOKENIZER_ADDED_TOKENS_H_
#define STRATA_LLM_TOKENIZER_ADDED_TOKENS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

class AddedTokenMatcher {
 public:
  // Contents are unique and not empty.
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  // Calls back in order of the text; stretches between tokens are never empty.
  void Split(absl::string_view text, absl::FunctionRef<void(absl::string_view)> on_text,
             absl::FunctionRef<void(int32_t)> on_token) const;

  bool empty() const { return tokens_.empty(); }

 private:
  // The longest token at the front of `text`.
  const AddedToken* Longest(absl::string_view text) const;

  std::vector<AddedToken> tokens_;
  bool starts_[256] = {};  // whether some token starts with the byte
  // A trie: (node << 8 | byte) -> node; ends_[node] is the token that ends there, or -1.
  absl::flat_hash_map<uint64_t, uint32_t> edges_;
  std::vector<int32_t> ends_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_ADDED_TOKENS_H_
