// GPT-2's alphabet: a printable character for each byte, so that a vocabulary of bytes can be
// written as JSON text. Printable bytes of Latin-1 stand for themselves, the other 68 for U+0100
// onwards: a space is "Ġ", a newline "Ċ".
//
//   BytesToAlphabet(" hi\n")     -> "ĠhiĊ"
//   AlphabetToBytes("ĠhiĊ")      -> " hi\n"
//   AlphabetToBytes("a b")       -> nullopt: a space is no letter of this alphabet
#ifndef STRATA_LLM_TOKENIZER_BYTE_ALPHABET_H_
#define STRATA_LLM_TOKENIZER_BYTE_ALPHABET_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace strata::llm {

std::string BytesToAlphabet(absl::string_view bytes);
std::optional<std::string> AlphabetToBytes(absl::string_view text);

// Bytes in the order of GPT-2's vocabulary: id -> byte. First the printable ones, then the rest.
const std::array<uint8_t, 256>& AlphabetOrder();

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_BYTE_ALPHABET_H_
