// The names of pre-tokenizers in GGUF files (tokenizer.ggml.pre) and what they stand for: patterns
// that cut a text one after another, each match and each rest a piece.
#ifndef STRATA_LLM_TOKENIZER_GGUF_PRE_TYPES_H_
#define STRATA_LLM_TOKENIZER_GGUF_PRE_TYPES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

struct GgufPreType {
  const char* name;  // the one to write
  std::vector<const char*> aliases;
  std::vector<const char*> patterns;
  bool ignore_merges = false;  // a piece that is a token is taken whole
  bool add_bos = false;        // unless the file says otherwise
};

// Null when nobody knows the name; no name is "default".
const GgufPreType* FindGgufPreType(absl::string_view name);

// All names, for messages.
std::string GgufPreTypeNames();

// The steps that a type stands for.
std::vector<PreTokenizerStep> StepsOf(const GgufPreType& type);

// The type that these steps are; null when there is none.
const GgufPreType* FindGgufPreType(const std::vector<PreTokenizerStep>& steps, bool ignore_merges);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_GGUF_PRE_TYPES_H_
