// Unicode normalisation of a text before it is cut. Bytes that are no UTF-8 pass through.
#ifndef STRATA_LLM_TOKENIZER_NORMALIZER_H_
#define STRATA_LLM_TOKENIZER_NORMALIZER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

// The forms applied one after another. ASCII comes back as it is.
std::string Normalize(absl::string_view text, const std::vector<Normalization>& forms);

// Whether the character at the front is white space; or a letter, mark, digit or connector ("word"
// character). False for an empty text and for bytes that are no UTF-8.
bool StartsWithSpace(absl::string_view text);
bool StartsWithWord(absl::string_view text);
bool EndsWithWord(absl::string_view text);

// Bytes of white space at the start and at the end.
size_t LeadingSpace(absl::string_view text);
size_t TrailingSpace(absl::string_view text);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_NORMALIZER_H_
