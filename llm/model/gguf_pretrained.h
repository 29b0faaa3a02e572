// Parts of a GGUF file's metadata that LoadPretrained() takes beside configuration and tokenizer.
#ifndef STRATA_LLM_MODEL_GGUF_PRETRAINED_H_
#define STRATA_LLM_MODEL_GGUF_PRETRAINED_H_

#include <string>

#include "inference/import/gguf_value.h"
#include "llm/model/generation_defaults.h"
#include "llm/tokenizer/gguf_tokenizer.h"

namespace strata::llm {

// tokenizer.chat_template; empty without one.
std::string ReadGgufChatTemplate(const inference::GgufMetadata& metadata);

// The tokens that end an answer: eos, and the end of a turn (eot) where the file names one.
GenerationDefaults ReadGgufDefaults(const GgufTokenizer& keys);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_GGUF_PRETRAINED_H_
