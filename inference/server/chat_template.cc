#include "inference/server/chat_template.h"

#include "absl/strings/str_cat.h"

namespace strata::inference {
namespace {

struct Definition {
  const char* name;
  std::vector<const char*> marks;  // must be special tokens
  const char* begin;
  const char* before_role;
  const char* after_role;
  const char* after_content;
  const char* roles[3];
  const char* stop_token;
  const char* stop;
};

const std::vector<Definition>& Definitions() {
  static const auto& table = *new std::vector<Definition>{
      {"chatml",
       {"<|im_start|>", "<|im_end|>"},
       "",
       "<|im_start|>",
       "\n",
       "<|im_end|>\n",
       {"system", "user", "assistant"},
       "<|im_end|>",
       nullptr},
      {"llama3",
       {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
       "<|begin_of_text|>",
       "<|start_header_id|>",
       "<|end_header_id|>\n\n",
       "<|eot_id|>",
       {"system", "user", "assistant"},
       "<|eot_id|>",
       nullptr},
      {"plain", {}, "", "### ", ":\n", "\n\n", {"System", "User", "Assistant"}, nullptr, "\n### "},
  };
  return table;
}

const char* MissingMark(const Definition& definition, const Tokenizer& tokenizer) {
  for (const char* mark : definition.marks) {
    const auto id = tokenizer.TokenId(mark);
    if (!id.has_value() || !tokenizer.IsSpecial(*id)) return mark;
  }
  return nullptr;
}

void Append(const std::vector<int32_t>& ids, std::vector<int32_t>* prompt) {
  prompt->insert(prompt->end(), ids.begin(), ids.end());
}

}  // namespace

absl::StatusOr<ChatTemplate> ChatTemplate::Create(const std::string& name,
                                                  const Tokenizer& tokenizer) {
  for (const Definition& definition : Definitions()) {
    if (!name.empty() && name != definition.name) continue;
    const char* missing = MissingMark(definition, tokenizer);
    if (missing != nullptr) {
      if (name.empty()) continue;
      return absl::FailedPreconditionError(absl::StrCat("chat_template: ", name,
                                                        " needs the special token ", missing,
                                                        ", which the tokenizer lacks; take plain"));
    }
    ChatTemplate chat;
    chat.name_ = definition.name;
    chat.begin_ = definition.begin;
    chat.before_role_ = definition.before_role;
    chat.after_role_ = definition.after_role;
    chat.after_content_ = definition.after_content;
    for (int role = 0; role < 3; ++role) chat.roles_[role] = definition.roles[role];
    if (definition.stop_token != nullptr)
      chat.stop_tokens_ = {*tokenizer.TokenId(definition.stop_token)};
    if (definition.stop != nullptr) chat.stop_ = {definition.stop};
    return chat;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("chat_template: \"", name, "\" is unknown; there are chatml, llama3 and plain"));
}

std::vector<int32_t> ChatTemplate::Apply(const Tokenizer& tokenizer,
                                         absl::Span<const ChatMessage> messages) const {
  std::vector<int32_t> prompt;
  std::string marks = begin_;  // trusted text between two contents
  for (const ChatMessage& message : messages) {
    absl::StrAppend(&marks, before_role_, roles_[static_cast<int>(message.role)], after_role_);
    Append(tokenizer.Encode(marks), &prompt);
    Append(tokenizer.EncodeOrdinary(message.content), &prompt);
    marks = after_content_;
  }
  absl::StrAppend(&marks, before_role_, roles_[static_cast<int>(ChatRole::kAssistant)],
                  after_role_);
  Append(tokenizer.Encode(marks), &prompt);
  return prompt;
}

}  // namespace strata::inference
