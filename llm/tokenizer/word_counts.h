// What a trainer learns from: the distinct pieces of a corpus and how often each is there.
#ifndef STRATA_LLM_TOKENIZER_WORD_COUNTS_H_
#define STRATA_LLM_TOKENIZER_WORD_COUNTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

using WordCounts =
    std::map<std::string, int64_t>;  // ordered, so that sums over it are the same anywhere

// The corpus without its special tokens, normalised and cut. INVALID_ARGUMENT for an empty text, one
// that is not UTF-8, malformed steps, and special tokens that are empty or there twice.
absl::StatusOr<WordCounts> CountWords(absl::string_view corpus,
                                      const std::vector<std::string>& special_tokens,
                                      const std::vector<Normalization>& normalizers,
                                      const std::vector<PreTokenizerStep>& pre_tokenizer);

// INVALID_ARGUMENT for a special token that is among the texts of the others: a vocabulary has a text once.
absl::Status CheckApart(const std::vector<std::string>& special_tokens,
                        const std::vector<std::string>& texts);

// Enters special tokens, which are to be the first ones of a vocabulary.
void PutSpecialTokens(const std::vector<std::string>& contents, TokenizerSpec* spec);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_WORD_COUNTS_H_
