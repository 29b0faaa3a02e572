// The tokenizer in GGUF's metadata ("tokenizer.ggml.*"), from a folder's tokenizer.json and back to one.
#ifndef STRATA_LLM_CONVERT_TOKENIZER_KEYS_H_
#define STRATA_LLM_CONVERT_TOKENIZER_KEYS_H_

#include <string>

#include "base/status.h"
#include "inference/import/gguf_value.h"

namespace strata::llm {

// "tokenizer.ggml.<name>_token_id".
absl::StatusOr<int64_t> TokenId(const inference::GgufMetadata& metadata, const std::string& name);

// Of the folder's tokenizer.json; no entries without one.
absl::StatusOr<inference::GgufMetadata> TokenizerEntries(const std::string& folder,
                                                         int64_t vocab_size);

// tokenizer.json; empty without "tokenizer.ggml.model".
absl::StatusOr<std::string> MadeTokenizerJson(const inference::GgufMetadata& metadata);

}  // namespace strata::llm

#endif  // STRATA_LLM_CONVERT_TOKENIZER_KEYS_H_
