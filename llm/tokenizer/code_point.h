// Code points of a text and their classes.
//
//   CodePoint c = FrontCodePoint("\u4E2D!");        // {0x4E2D, 3}
//   (ClassesOf(c.value) & kLetter) != 0
//
// The classes are those of PCRE2, with which patterns are matched, so that hand-written splitters
// and patterns agree; white space is Unicode's White_Space.
#ifndef STRATA_LLM_TOKENIZER_CODE_POINT_H_
#define STRATA_LLM_TOKENIZER_CODE_POINT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace strata::llm {

enum CodePointClass : uint8_t {
  kLetter = 1,       // \p{L}
  kNumber = 2,       // \p{N}
  kSpace = 4,        // White_Space
  kMark = 8,         // \p{M}
  kPunctuation = 16  // \p{P}
};

struct CodePoint {
  uint32_t value;
  uint32_t size;  // bytes
};

// The first character of a text that is not empty and is valid UTF-8 there.
inline CodePoint FrontCodePoint(const char* text) {
  const auto byte = [&](int i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  const uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xE0) return {(first & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (first < 0xF0) return {(first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {(first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F),
          4};
}

// The character `value` < 0x110000 as UTF-8.
void AppendUtf8(uint32_t value, std::string* text);

// The set of CodePointClass of a code point; 0 for surrogates and beyond U+10FFFF. The tables are
// made at the first call.
uint8_t ClassesOf(uint32_t code_point);

// Whether the character at the front (or at the end) is white space; or a letter, mark, digit or
// connector ("word" character). False for an empty text and for bytes that are no UTF-8.
bool StartsWithSpace(absl::string_view text);
bool StartsWithWord(absl::string_view text);
bool EndsWithWord(absl::string_view text);

// Bytes of white space at the start and at the end.
size_t LeadingSpace(absl::string_view text);
size_t TrailingSpace(absl::string_view text);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_CODE_POINT_H_
