// What normalizers do to a text, one function each. Bytes that are no UTF-8 stay where they are.
#ifndef STRATA_LLM_TOKENIZER_UNICODE_TEXT_H_
#define STRATA_LLM_TOKENIZER_UNICODE_TEXT_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

// Each stretch of valid UTF-8 becomes map(stretch).
std::string MapValid(absl::string_view text, absl::FunctionRef<std::string(absl::string_view)> map);

// NFC, NFD, NFKC, NFKD.
std::string ToForm(absl::string_view text, UnicodeForm form);

// Character by character: a final sigma is not special.
std::string ToLowercase(absl::string_view text);

std::string DropMarks(absl::string_view text);            // Mn, Mc, Me
std::string DropNonspacingMarks(absl::string_view text);  // Mn

// BERT's: without U+0000, U+FFFD and control characters; each white space is a space.
std::string CleanText(absl::string_view text);

// BERT's: a space before and after each CJK ideograph.
std::string SpaceIdeographs(absl::string_view text);

// SentencePiece's NMT rule: without control characters; white space and its relatives are spaces.
std::string CleanForNmt(absl::string_view text);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_UNICODE_TEXT_H_
