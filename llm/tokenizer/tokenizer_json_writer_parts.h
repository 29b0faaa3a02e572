// What stands before and after the model, as JSON. Internal to tokenizer_json.
#ifndef STRATA_LLM_TOKENIZER_TOKENIZER_JSON_WRITER_PARTS_H_
#define STRATA_LLM_TOKENIZER_TOKENIZER_JSON_WRITER_PARTS_H_

#include "llm/tokenizer/tokenizer_spec.h"
#include "nlohmann/json.hpp"

namespace strata::llm::internal {

using Json = nlohmann::ordered_json;

Json AddedOf(const AddedToken& token);
Json NormalizerOf(const TokenizerSpec& spec);
Json PreTokenizerOf(const TokenizerSpec& spec);
Json PostProcessorOf(const TokenizerSpec& spec);
Json DecoderOf(const TokenizerSpec& spec);

}  // namespace strata::llm::internal

#endif  // STRATA_LLM_TOKENIZER_TOKENIZER_JSON_WRITER_PARTS_H_
