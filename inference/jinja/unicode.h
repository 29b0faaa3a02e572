// Characters of UTF-8 text: strings of the language are sequences of characters, not of bytes. A byte that belongs to
// no valid character counts as one character of its own.
//
//   CountCharacters("Grüße") == 5;  UpperCase("ß") is "ß" (one character stays one)
#ifndef STRATA_INFERENCE_JINJA_UNICODE_H_
#define STRATA_INFERENCE_JINJA_UNICODE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata::inference::jinja {

// Bytes of the first character; at least 1. `text` must not be empty.
size_t CharacterSize(absl::string_view text);
int64_t CountCharacters(absl::string_view text);
// Where each character begins, and the size of the text in the end.
std::vector<size_t> CharacterStarts(absl::string_view text);

// The code point of the one character that `character` is; U+FFFD for a bad byte.
uint32_t CodePoint(absl::string_view character);
void AppendCodePoint(uint32_t code, std::string* text);

// As Python's str.isspace(), of one character; ASCII bytes may be asked for one by one.
bool IsSpace(uint32_t code);
bool IsLetter(uint32_t code);
bool IsDigit(uint32_t code);
// Whether Python's repr() shows it as it is.
bool IsPrintable(uint32_t code);

uint32_t UpperCase(uint32_t code);
uint32_t LowerCase(uint32_t code);

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_UNICODE_H_
