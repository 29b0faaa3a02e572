// UTF-8 for streams of bytes that need not be whole: tokens end in the middle of characters.
//
//   Utf8Scan("\xE2\x82\xAC!")  -> {kValid, 3}        // the euro sign
//   Utf8Scan("\xE2\x82")       -> {kIncomplete, 2}   // may become valid with more bytes
//   Utf8Scan("\xE2!")          -> {kInvalid, 1}      // can never become valid: the maximal bad
//   part
//
// Well-formed is as in the Unicode standard, table 3-7: no overlong forms, no surrogates, nothing
// above U+10FFFF.
#ifndef STRATA_INFERENCE_ENGINE_UTF8_H_
#define STRATA_INFERENCE_ENGINE_UTF8_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace strata::inference {

enum class Utf8Kind { kValid, kInvalid, kIncomplete };

struct Utf8Character {
  Utf8Kind kind;
  size_t size;  // bytes; >= 1 unless the text is empty
};

// The first character of `text`, or the maximal part that is none. {kIncomplete, 0} for an empty
// text.
Utf8Character Utf8Scan(absl::string_view text);

// Size of the longest prefix that is valid UTF-8; equals text.size() when all of it is.
size_t ValidUtf8Prefix(absl::string_view text);

// Each maximal bad part becomes U+FFFD, as the WHATWG encoding standard and Rust's from_utf8_lossy
// do it.
std::string ReplaceInvalidUtf8(absl::string_view text);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_UTF8_H_
