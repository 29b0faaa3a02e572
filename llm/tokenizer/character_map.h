// The precompiled character map of SentencePiece models (tokenizer.json's "Precompiled" normalizer,
// GGUF's tokenizer.ggml.precompiled_charsmap): replaces stretches of a text by others.
//
//   STRATA_ASSIGN_OR_RETURN(std::string bytes, PackCharacterMap({{"\uFF21", "A"}, {"\u3000", " "}}));
//   STRATA_ASSIGN_OR_RETURN(CharacterMapper mapper, CharacterMapper::Create(bytes));
//   mapper.Map("x\uFF21")                                  // "xA"
//
// At each character the longest stretch that the map has is replaced, as SentencePiece defines it.
// The form (sentencepiece/src/normalizer.cc): u32 size in bytes of a trie, the trie as a double
// array of u32 units (darts-clone's layout), then the replacements, each with a zero byte at its
// end; a trie's value is an offset into them. Little endian.
#ifndef STRATA_LLM_TOKENIZER_CHARACTER_MAP_H_
#define STRATA_LLM_TOKENIZER_CHARACTER_MAP_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::llm {

class CharacterMapper {
 public:
  // INVALID_ARGUMENT when the sizes in `bytes` do not fit. A damaged trie inside maps to nothing or
  // to wrong texts, but never reads outside.
  static absl::StatusOr<CharacterMapper> Create(absl::string_view bytes);

  // Bytes that are no UTF-8 stay.
  std::string Map(absl::string_view text) const;

 private:
  // Bytes of the longest key at the front of `text`, 0 if there is none, and what it becomes.
  size_t Longest(absl::string_view text, absl::string_view* replacement) const;

  std::vector<uint32_t> trie_;
  std::string replacements_;
};

// INVALID_ARGUMENT for a key that is empty, and for zero bytes.
absl::StatusOr<std::string> PackCharacterMap(const std::map<std::string, std::string>& map);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_CHARACTER_MAP_H_
