// ChatTemplate: turns the messages of a chat into a prompt, by a Jinja template (inference/jinja): the one that came
// with the model, one from a file, or one with a name. For {"role":"user","content":"Hi"}:
//   chatml   <|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n
//   llama3   <|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>
//            <|start_header_id|>assistant<|end_header_id|>\n\n          (in one line)
//   plain    ### User:\nHi\n\n### Assistant:\n
//
// Marks that the template writes become special tokens; the same characters in what a request brings (contents, tools,
// their results, kwargs) stay text, so that a user cannot forge the end of a turn. (With `plain`, whose marks are
// text, nothing can prevent it.)
//
// A template sees, as Hugging Face's do: messages, tools, add_generation_prompt, bos_token, eos_token, and the
// request's kwargs. Arguments of tool calls that are a JSON object in a string, as OpenAI's are, it sees as that object,
// which most templates want; one that fails on it sees them as they came.
#ifndef STRATA_INFERENCE_SERVER_CHAT_TEMPLATE_H_
#define STRATA_INFERENCE_SERVER_CHAT_TEMPLATE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "inference/engine/tokenizer.h"
#include "inference/jinja/template.h"
#include "inference/server/prompt_encoder.h"
#include "nlohmann/json.hpp"

namespace strata::inference {

struct ChatTemplateOptions {
  // A name, or a file with a Jinja template; "": `source`, and where that is empty too the first named one whose marks
  // are special tokens of the tokenizer.
  std::string choice = {};
  std::string source = {};                // the model's own
  std::vector<int32_t> end_of_turn = {};  // tokens that end it, beside those of the template
};

// What a request brings. Its order of keys is kept: templates print tools.
struct ChatRequest {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();  // roles are checked names
  nlohmann::ordered_json tools;  // a list of objects with function.name, or null
  nlohmann::ordered_json kwargs = nlohmann::ordered_json::object();
  bool add_generation_prompt = true;  // up to the point where the assistant speaks
  // tool_choice, which templates do not see: whether one of the tools must be called, and which; "": any.
  bool must_call = false;
  std::string must_call_name;
};

struct ChatPrompt {
  std::string text;
  std::vector<int32_t> ids;
};

class ChatTemplate {
 public:
  // `tokenizer` must outlive the template. INVALID_ARGUMENT for a choice that is neither a name nor a file, and for a
  // template with faults; FAILED_PRECONDITION when the tokenizer lacks a mark of a named one.
  static absl::StatusOr<ChatTemplate> Create(const ChatTemplateOptions& options,
                                             const Tokenizer* tokenizer);

  // INVALID_ARGUMENT, with line and column, for what the template refuses, and for tools that it does not look at.
  absl::StatusOr<ChatPrompt> Apply(const ChatRequest& request) const;

  // The name, the file, or "model".
  const std::string& name() const { return name_; }
  const std::string& source() const { return source_; }  // Jinja
  // Special tokens that end the assistant's turn, beside eos: the one that the template writes after an assistant's
  // message, and the options'.
  const std::vector<int32_t>& stop_tokens() const { return stop_tokens_; }
  // Text that does.
  const std::vector<std::string>& stop() const { return stop_; }

 private:
  ChatTemplate(std::string name, std::string source, jinja::Template parsed,
               const Tokenizer* tokenizer);

  absl::StatusOr<jinja::Text> Render(const ChatRequest& request) const;
  // The same, with the arguments of calls as the template takes them.
  absl::StatusOr<jinja::Text> RenderCalls(const ChatRequest& request) const;
  absl::Status CheckToolsAreSeen(const ChatRequest& request, const jinja::Text& text) const;
  void FindEndOfTurn();

  std::string name_, source_;
  jinja::Template template_;
  const Tokenizer* tokenizer_;
  std::shared_ptr<const PromptEncoder> encoder_;
  std::vector<int32_t> stop_tokens_;
  std::vector<std::string> stop_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_CHAT_TEMPLATE_H_
