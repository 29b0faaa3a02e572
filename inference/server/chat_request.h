// The part of a request that a chat template sees: messages, tools, tool_choice, chat_template_kwargs,
// add_generation_prompt. For /v1/chat/completions, /apply-template and /tokenize.
//
// A message has a role (system, developer, user, assistant, tool) and a content: a string, a list of text parts, or
// null beside tool_calls. tool_choice is none, auto, required or a function.
#ifndef STRATA_INFERENCE_SERVER_CHAT_REQUEST_H_
#define STRATA_INFERENCE_SERVER_CHAT_REQUEST_H_

#include <string>

#include "base/status.h"
#include "inference/server/chat_template.h"
#include "inference/server/request_fields.h"

namespace strata::inference {

// Checks and reads the fields above. `body` is the text that `fields` came from: it has the order of the keys.
// INVALID_ARGUMENT that names the field.
absl::StatusOr<ChatRequest> ReadChatRequest(RequestFields* fields, const std::string& body);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_CHAT_REQUEST_H_
