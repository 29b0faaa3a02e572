// How log probabilities are written: of completions (parallel lists) and of chat (a list of objects).
#ifndef STRATA_INFERENCE_SERVER_LOGPROBS_H_
#define STRATA_INFERENCE_SERVER_LOGPROBS_H_

#include <vector>

#include "inference/engine/engine.h"
#include "nlohmann/json.hpp"

namespace strata::inference {

// Chat: {"token","logprob","bytes","top_logprobs":[...]} for each event. Tokens that are part of a character have
// U+FFFD in "token" and the truth in "bytes".
nlohmann::json ChatLogprobs(const Tokenizer& tokenizer, const std::vector<TokenEvent>& events);

// Completions: {"tokens","token_logprobs","top_logprobs","text_offset"}. A token that is part of a character is
// written "bytes:\xe2\x82". `offset` is where the text of the first event begins, in characters; it is advanced.
nlohmann::json CompletionLogprobs(const Tokenizer& tokenizer, const std::vector<TokenEvent>& events,
                                  int64_t* offset);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_LOGPROBS_H_
