// Characters as ranges of bytes: the UTF-8 forms of a range of code points are few sequences of byte ranges.
//
//   Utf8Ranges({0x80, 0x7ff})  // {{C2, DF}, {80, BF}}
//
// As in R. Cox, "Regular Expression Matching in the Wild" (2010), and RFC 3629, section 4: surrogates have no form.
#ifndef STRATA_INFERENCE_GRAMMAR_UTF8_RANGES_H_
#define STRATA_INFERENCE_GRAMMAR_UTF8_RANGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "inference/grammar/grammar.h"

namespace strata::inference::grammar {

struct ByteRange {
  uint8_t first = 0, last = 0;  // both included
};

// One to four ranges, a byte each.
using ByteSequence = std::vector<ByteRange>;

// The sequences are disjoint; together they are the forms of exactly these characters. The range must hold no surrogate
// (see Normalized()).
std::vector<ByteSequence> Utf8Ranges(CodeRange range);

// The form of one character.
std::string Utf8(char32_t code);

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_UTF8_RANGES_H_
