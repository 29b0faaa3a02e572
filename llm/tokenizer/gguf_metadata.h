// The tokenizer's entries in a GGUF file's metadata (tokenizer.ggml.*) as the plain struct of
// gguf_tokenizer.h, and back: one table of keys for both ways.
//
//   STRATA_ASSIGN_OR_RETURN(GgufTokenizer keys, GgufTokenizerOf(file.metadata()));
//   STRATA_ASSIGN_OR_RETURN(TokenizerSpec spec, TokenizerFromGguf(keys));
//
//   STRATA_ASSIGN_OR_RETURN(GgufTokenizer keys, GgufFromTokenizer(spec));
//   GgufMetadata entries = GgufEntriesOf(keys);
#ifndef STRATA_LLM_TOKENIZER_GGUF_METADATA_H_
#define STRATA_LLM_TOKENIZER_GGUF_METADATA_H_

#include "base/status.h"
#include "inference/import/gguf_value.h"
#include "llm/tokenizer/gguf_tokenizer.h"

namespace strata::llm {

// A whole tokenizer.json, as it was; what it says is more than the other keys have words for.
inline constexpr char kGgufTokenizerJsonKey[] = "tokenizer.huggingface.json";

// What the metadata has of the keys; others keep their default. INVALID_ARGUMENT with the key for a
// value of another type. An id of -1 is none.
absl::StatusOr<GgufTokenizer> GgufTokenizerOf(const inference::GgufMetadata& metadata);

// An entry for each field that is there: texts and lists that are not empty, values that are set.
inference::GgufMetadata GgufEntriesOf(const GgufTokenizer& tokenizer);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_GGUF_METADATA_H_
