#include "inference/server/chat_template.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "inference/jinja/json_value.h"
#include "inference/server/named_chat_templates.h"

namespace strata::inference {
namespace {

using jinja::Heap;
using jinja::Origin;
using jinja::Value;
using Json = nlohmann::ordered_json;

struct Source {
  std::string name, text;
  const char* stop = nullptr;
};

const char* MissingMark(const NamedChatTemplate& named, const Tokenizer& tokenizer) {
  for (const char* mark : named.marks) {
    const auto id = tokenizer.TokenId(mark);
    if (!id.has_value() || !tokenizer.IsSpecial(*id)) return mark;
  }
  return nullptr;
}

absl::StatusOr<Source> FindSource(const ChatTemplateOptions& options, const Tokenizer& tokenizer) {
  const std::string& choice = options.choice;
  if (choice.empty() && !options.source.empty()) return Source{"model", options.source};
  for (const NamedChatTemplate& named : NamedChatTemplates()) {
    if (!choice.empty() && choice != named.name) continue;
    const char* missing = MissingMark(named, tokenizer);
    if (missing == nullptr) return Source{named.name, named.source, named.stop};
    if (choice.empty()) continue;
    return absl::FailedPreconditionError(absl::StrCat("chat_template: ", choice,
                                                      " needs the special token ", missing,
                                                      ", which the tokenizer lacks; take plain"));
  }
  const absl::StatusOr<std::string> text = ReadFile(choice);
  if (text.ok()) return Source{choice, *text};
  return absl::InvalidArgumentError(absl::StrCat(
      "chat_template: \"", choice, "\" is unknown; there are chatml, llama3 and plain, and files: ",
      absl::string_view(text.status().message())));
}

// The messages as the template sees them. Roles are names that the server has checked, so they count as its own.
absl::StatusOr<Value> MessagesValue(const Json& messages, Heap* heap) {
  std::vector<Value> list;
  for (const Json& message : messages) {
    STRATA_ASSIGN_OR_RETURN(const Value value, ValueFromJson(message, Origin::kData, heap));
    if (message.contains("role") && message["role"].is_string()) {
      const Value key = heap->String("role", Origin::kTemplate);
      const Value role = heap->String(message["role"].get<std::string>(), Origin::kTemplate);
      STRATA_RETURN_IF_ERROR(value.object<jinja::DictObject>()->Set(key, role));
    }
    list.push_back(value);
  }
  return heap->List(std::move(list));
}

// Whether there was one.
bool ParseArguments(Json* messages) {
  bool parsed_any = false;
  for (Json& message : *messages) {
    if (!message.contains("tool_calls")) continue;
    for (Json& call : message["tool_calls"]) {
      Json& function = call["function"];
      if (!function.contains("arguments") || !function["arguments"].is_string()) continue;
      Json parsed = Json::parse(function["arguments"].get_ref<const std::string&>(), nullptr,
                                /*allow_exceptions=*/false);
      if (!parsed.is_object()) continue;
      function["arguments"] = std::move(parsed);
      parsed_any = true;
    }
  }
  return parsed_any;
}

Value TokenText(const Tokenizer& tokenizer, const std::optional<int32_t>& id, Heap* heap) {
  return heap->String(id.has_value() ? tokenizer.TokenBytes(*id) : "", Origin::kTemplate);
}

}  // namespace

ChatTemplate::ChatTemplate(std::string name, std::string source, jinja::Template parsed,
                           const Tokenizer* tokenizer)
    : name_(std::move(name)),
      source_(std::move(source)),
      template_(std::move(parsed)),
      tokenizer_(tokenizer),
      encoder_(std::make_shared<const PromptEncoder>(tokenizer)) {}

absl::StatusOr<ChatTemplate> ChatTemplate::Create(const ChatTemplateOptions& options,
                                                  const Tokenizer* tokenizer) {
  STRATA_ASSIGN_OR_RETURN(const Source source, FindSource(options, *tokenizer));
  STRATA_ASSIGN_OR_RETURN(jinja::Template parsed,
                          jinja::Template::Parse(source.text, "chat template"));
  ChatTemplate chat(source.name, source.text, std::move(parsed), tokenizer);
  chat.stop_tokens_ = options.end_of_turn;
  if (source.stop != nullptr) chat.stop_ = {source.stop};
  chat.FindEndOfTurn();
  return chat;
}

// Has the template print an answer and looks at what follows it. A template may refuse that chat; then the options'
// tokens and eos must do.
void ChatTemplate::FindEndOfTurn() {
  static constexpr char kAnswer[] = "an answer";
  ChatRequest request;
  request.messages = {{{"role", "user"}, {"content", "a question"}},
                      {{"role", "assistant"}, {"content", kAnswer}}};
  request.add_generation_prompt = false;
  const absl::StatusOr<jinja::Text> text = Render(request);
  if (!text.ok()) return;
  const size_t answer = text->bytes().rfind(kAnswer);
  if (answer == std::string::npos) return;
  const std::optional<int32_t> id = encoder_->SpecialAfter(*text, answer + sizeof(kAnswer) - 1);
  const bool known = !id.has_value() || id == tokenizer_->eos() ||
                     std::find(stop_tokens_.begin(), stop_tokens_.end(), *id) != stop_tokens_.end();
  if (!known) stop_tokens_.push_back(*id);
}

absl::StatusOr<jinja::Text> ChatTemplate::Render(const ChatRequest& request) const {
  Heap heap;
  jinja::Variables variables;
  for (const auto& [name, json] : request.kwargs.items()) {
    STRATA_ASSIGN_OR_RETURN(Value value, ValueFromJson(json, Origin::kData, &heap));
    variables.emplace_back(name, std::move(value));
  }
  STRATA_ASSIGN_OR_RETURN(Value messages, MessagesValue(request.messages, &heap));
  STRATA_ASSIGN_OR_RETURN(Value tools, ValueFromJson(request.tools, Origin::kData, &heap));
  variables.emplace_back("messages", std::move(messages));
  variables.emplace_back("tools", std::move(tools));
  variables.emplace_back("add_generation_prompt", Value::Bool(request.add_generation_prompt));
  variables.emplace_back("bos_token", TokenText(*tokenizer_, tokenizer_->bos(), &heap));
  variables.emplace_back("eos_token", TokenText(*tokenizer_, tokenizer_->eos(), &heap));
  return template_.Render(&heap, variables);
}

absl::StatusOr<jinja::Text> ChatTemplate::RenderCalls(const ChatRequest& request) const {
  ChatRequest with_objects = request;
  if (!ParseArguments(&with_objects.messages)) return Render(request);
  absl::StatusOr<jinja::Text> text = Render(with_objects);
  if (text.ok()) return text;
  absl::StatusOr<jinja::Text> as_they_came = Render(request);
  return as_they_came.ok() ? as_they_came : text;
}

// A template that looks at tools writes the name of the first, or at least another text than without them.
absl::Status ChatTemplate::CheckToolsAreSeen(const ChatRequest& request,
                                             const jinja::Text& text) const {
  if (request.tools.empty()) return absl::OkStatus();
  const Json& name = request.tools[0]["function"]["name"];
  if (text.bytes().find(name.get_ref<const std::string&>()) != std::string::npos)
    return absl::OkStatus();
  ChatRequest without = request;
  without.tools = nullptr;
  const absl::StatusOr<jinja::Text> same = RenderCalls(without);
  if (!same.ok() || same->bytes() != text.bytes()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the chat template (", name_,
                   ") does not look at tools, so the model would not see them; serve with "
                   "--chat-template=FILE, a Jinja template that does"));
}

absl::StatusOr<ChatPrompt> ChatTemplate::Apply(const ChatRequest& request) const {
  const absl::StatusOr<jinja::Text> text = RenderCalls(request);
  // What the template refuses, or is too long for it, is a fault of the request: another try would not help.
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  STRATA_RETURN_IF_ERROR(CheckToolsAreSeen(request, *text));
  return ChatPrompt{text->bytes(), encoder_->Encode(*text)};
}

}  // namespace strata::inference
