// POST /v1/completions: text after a prompt. Of OpenAI's parameters it takes model, prompt (a string, several strings,
// token ids, or several lists of them), max_tokens, temperature, top_p, n, seed, stop, stream, stream_options,
// logprobs (up to 20) and echo, and top_k and ignore_eos beside them; the rest is refused.
//
// The prompt is trusted text: special tokens written out in it count as such.
#ifndef STRATA_INFERENCE_SERVER_API_COMPLETIONS_H_
#define STRATA_INFERENCE_SERVER_API_COMPLETIONS_H_

#include "inference/server/serving.h"

namespace strata::inference {

absl::Status HandleCompletions(Serving& serving, const HttpCall& call,
                               const std::shared_ptr<HttpReply>& reply);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_API_COMPLETIONS_H_
