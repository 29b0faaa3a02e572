// The model of a spec.
#ifndef STRATA_LLM_TOKENIZER_MAKE_MODEL_H_
#define STRATA_LLM_TOKENIZER_MAKE_MODEL_H_

#include <memory>

#include "base/status.h"
#include "llm/tokenizer/tokenizer_model.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

// Makes the model that the spec asks for. INVALID_ARGUMENT with the path to the fault.
absl::StatusOr<std::unique_ptr<TokenizerModel>> MakeTokenizerModel(const TokenizerSpec& spec);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_MAKE_MODEL_H_
