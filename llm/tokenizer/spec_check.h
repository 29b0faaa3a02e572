// What a TokenizerSpec must hold beside what its model and its steps check themselves.
#ifndef STRATA_LLM_TOKENIZER_SPEC_CHECK_H_
#define STRATA_LLM_TOKENIZER_SPEC_CHECK_H_

#include "base/status.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

// Added tokens agree with the vocabulary and are unique; ids of the post-processor and eos are in
// the vocabulary. INVALID_ARGUMENT with the path to the fault.
absl::Status CheckAddedTokensAndIds(const TokenizerSpec& spec);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_SPEC_CHECK_H_
