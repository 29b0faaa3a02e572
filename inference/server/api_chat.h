// POST /v1/chat/completions: the assistant's next turn. Of OpenAI's parameters it takes model, messages, tools,
// tool_choice (none, auto), parallel_tool_calls, max_completion_tokens and max_tokens (default: what the context holds), temperature, top_p,
// n, seed, stop, stream, stream_options, logprobs and top_logprobs, and top_k, ignore_eos, chat_template_kwargs and
// add_generation_prompt beside them; the rest is refused.
//
// Messages are those of chat_request.h. Special tokens in what the request brings stay plain text (chat_template.h).
// Calls of tools that the model writes come as tool_calls where the server knows the format (tool_call_format.h), and as
// text where it does not, where they are broken, and where the request has no tools. A choice that has calls and is not
// cut off by its length ends with "tool_calls"; with parallel_tool_calls false it ends after the first. tool_choice
// "required" or a function would have to bind the sampling, and are refused.
//
// POST /apply-template: the same messages, tools, tool_choice, chat_template_kwargs and add_generation_prompt ->
// {"prompt":"..."}, the text that the model would read.
#ifndef STRATA_INFERENCE_SERVER_API_CHAT_H_
#define STRATA_INFERENCE_SERVER_API_CHAT_H_

#include <memory>

#include "inference/server/serving.h"

namespace strata::inference {

absl::Status HandleChat(Serving& serving, const HttpCall& call,
                        const std::shared_ptr<HttpReply>& reply);

absl::Status HandleApplyTemplate(Serving& serving, const HttpCall& call,
                                 const std::shared_ptr<HttpReply>& reply);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_API_CHAT_H_
