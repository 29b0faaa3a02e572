// The tokenizer's keys of a GGUF file's metadata as the plain struct that llm/tokenizer reads.
//
//   STRATA_ASSIGN_OR_RETURN(GgufTokenizer vocabulary, GgufVocabulary(file.metadata()));
//   STRATA_ASSIGN_OR_RETURN(TokenizerSpec spec, TokenizerFromGguf(vocabulary));
#ifndef STRATA_LLM_MODEL_GGUF_VOCABULARY_H_
#define STRATA_LLM_MODEL_GGUF_VOCABULARY_H_

#include "base/status.h"
#include "inference/import/gguf_value.h"
#include "llm/tokenizer/gguf_tokenizer.h"

namespace strata::llm {

// NOT_FOUND without a tokenizer; INVALID_ARGUMENT with the key for a value of another type.
absl::StatusOr<GgufTokenizer> GgufVocabulary(const inference::GgufMetadata& metadata);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_GGUF_VOCABULARY_H_
