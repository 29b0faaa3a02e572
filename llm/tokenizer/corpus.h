// The gate for training text.
#ifndef STRATA_LLM_TOKENIZER_CORPUS_H_
#define STRATA_LLM_TOKENIZER_CORPUS_H_

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::llm {

// INVALID_ARGUMENT when the text is empty, or is not UTF-8: then with the offset of the first bad
// byte.
absl::Status CheckCorpus(absl::string_view text);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_CORPUS_H_
