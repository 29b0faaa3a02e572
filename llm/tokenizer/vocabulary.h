// The tokens that a model can make, and characters.
#ifndef STRATA_LLM_TOKENIZER_VOCABULARY_H_
#define STRATA_LLM_TOKENIZER_VOCABULARY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

// The tokens that a model can make, by their bytes.
class Vocabulary {
 public:
  // INVALID_ARGUMENT when two tokens have the same bytes or `unknown` is no id.
  static absl::StatusOr<Vocabulary> Create(const TokenizerSpec& spec);

  std::optional<int32_t> Find(absl::string_view bytes) const {
    const auto it = ids_.find(bytes);
    if (it == ids_.end()) return std::nullopt;
    return it->second;
  }

 private:
  absl::flat_hash_map<std::string, int32_t> ids_;
};

// The ids of SentencePiece's byte tokens, <0x00> to <0xFF>, by byte; -1 where there is none.
std::vector<int32_t> ByteTokens(const TokenizerSpec& spec);

// The byte of a token spelled like that; nothing for other texts.
std::optional<uint8_t> ParseByteToken(absl::string_view text);

// Bytes of the character at the front: a byte that is no UTF-8 counts as one.
size_t CharacterSize(absl::string_view text);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_VOCABULARY_H_
