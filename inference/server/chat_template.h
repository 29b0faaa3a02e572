// ChatTemplate: turns the messages of a chat into a prompt.
//
// Three are built in. For {"role":"user","content":"Hi"}:
//   chatml   <|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n
//   llama3   <|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>
//            <|start_header_id|>assistant<|end_header_id|>\n\n          (in one line)
//   plain    ### User:\nHi\n\n### Assistant:\n
//
// Marks of the template become special tokens; the same characters in a message's content stay text, so that a user
// cannot forge the end of a turn. (With `plain`, whose marks are text, nothing can prevent it.)
#ifndef STRATA_INFERENCE_SERVER_CHAT_TEMPLATE_H_
#define STRATA_INFERENCE_SERVER_CHAT_TEMPLATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/engine/tokenizer.h"

namespace strata::inference {

enum class ChatRole { kSystem, kUser, kAssistant };

struct ChatMessage {
  ChatRole role = ChatRole::kUser;
  std::string content;
};

class ChatTemplate {
 public:
  // By name; "" takes the first of chatml, llama3, plain whose marks are special tokens of the tokenizer.
  // INVALID_ARGUMENT for another name, FAILED_PRECONDITION when the tokenizer lacks a mark.
  static absl::StatusOr<ChatTemplate> Create(const std::string& name, const Tokenizer& tokenizer);

  // The prompt up to the point where the assistant speaks.
  std::vector<int32_t> Apply(const Tokenizer& tokenizer,
                             absl::Span<const ChatMessage> messages) const;

  const std::string& name() const { return name_; }
  // Special tokens that end the assistant's turn, beside eos.
  const std::vector<int32_t>& stop_tokens() const { return stop_tokens_; }
  // Text that does.
  const std::vector<std::string>& stop() const { return stop_; }

 private:
  std::string name_;
  std::string begin_;                     // before all
  std::string before_role_, after_role_;  // around the role's name
  std::string after_content_;
  std::string roles_[3];  // by ChatRole
  std::vector<int32_t> stop_tokens_;
  std::vector<std::string> stop_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_CHAT_TEMPLATE_H_
