// The tokenizer of a Hugging Face folder in GGUF's words, and a tokenizer.json of GGUF's words.
#ifndef STRATA_LLM_CONVERT_FOLDER_TOKENIZER_H_
#define STRATA_LLM_CONVERT_FOLDER_TOKENIZER_H_

#include <cstdint>
#include <string>

#include "base/status.h"
#include "llm/tokenizer/gguf_tokenizer.h"

namespace strata::llm {

struct FolderTokenizer {
  GgufTokenizer gguf;
  std::string wordless;  // why `gguf` has nothing but ids of special tokens; empty when it is whole
};

// Of the folder's tokenizer.json, filled up to the model's `vocab_size`; empty without that file. Which tokens begin and
// end a text is taken from tokenizer_config.json, generation_config.json and config.json, in this order. What Strata or
// GGUF has no words for is no error but `wordless`.
absl::StatusOr<FolderTokenizer> TokenizerOfFolder(const std::string& folder, int64_t vocab_size);

// tokenizer.json; empty without a model.
absl::StatusOr<std::string> MadeTokenizerJson(const GgufTokenizer& gguf);

}  // namespace strata::llm

#endif  // STRATA_LLM_CONVERT_FOLDER_TOKENIZER_H_
