// POST /v1/chat/completions: the assistant's next turn. Of OpenAI's parameters it takes model, messages,
// max_completion_tokens and max_tokens (default: what the context holds), temperature, top_p, n, seed, stop, stream,
// stream_options, logprobs and top_logprobs, and top_k and ignore_eos beside them; the rest is refused.
//
// A message has a role (system, developer, user, assistant) and a content: a string, or a list of text parts. Special
// tokens in a content stay plain text (chat_template.h).
#ifndef STRATA_INFERENCE_SERVER_API_CHAT_H_
#define STRATA_INFERENCE_SERVER_API_CHAT_H_

#include <vector>

#include "inference/server/request_fields.h"
#include "inference/server/serving.h"

namespace strata::inference {

absl::Status HandleChat(Serving& serving, const HttpCall& call,
                        const std::shared_ptr<HttpReply>& reply);

// The checked field "messages"; for /tokenize too.
absl::StatusOr<std::vector<ChatMessage>> ReadMessages(RequestFields* fields);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_API_CHAT_H_
