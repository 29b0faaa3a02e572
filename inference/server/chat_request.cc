#include "inference/server/chat_request.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::inference {
namespace {

using Json = nlohmann::json;
using Ordered = nlohmann::ordered_json;

absl::StatusOr<std::string> ReadRole(RequestFields* message) {
  STRATA_RETURN_IF_ERROR(message->Require("role").status());
  std::string name;
  STRATA_RETURN_IF_ERROR(message->String("role", &name));
  if (name == "developer") return std::string("system");
  if (name == "system" || name == "user" || name == "assistant" || name == "tool") return name;
  if (name == "function") {
    return message->Error("role", "\"function\" is not supported; use tools and the role tool",
                          "unsupported_parameter");
  }
  return message->Error(
      "role", absl::StrCat("\"", name, "\" is none of system, developer, user, assistant, tool"));
}

absl::Status ReadParts(const Json& parts, const std::string& path, std::string* content) {
  for (size_t i = 0; i < parts.size(); ++i) {
    const Json object = parts[i].is_object() ? Json() : Json::object();
    RequestFields part(parts[i].is_object() ? parts[i] : object, absl::StrCat(path, "[", i, "]."));
    std::string type, text;
    STRATA_RETURN_IF_ERROR(part.String("type", &type));
    if (type != "text") {
      return part.Error("type",
                        absl::StrCat("\"", type, "\" is not supported; only text parts are"),
                        "unsupported_parameter");
    }
    STRATA_RETURN_IF_ERROR(part.Require("text").status());
    STRATA_RETURN_IF_ERROR(part.String("text", &text));
    STRATA_RETURN_IF_ERROR(part.RefuseOthers());
    *content += text;
  }
  return absl::OkStatus();
}

absl::Status CheckFunction(const Json& holder, const std::string& path, bool is_call) {
  if (!holder.is_object()) {
    const Json none = Json::object();
    return RequestFields(none).Error(
        path, absl::StrCat("must be an object, not ", holder.type_name()), "invalid_type");
  }
  RequestFields fields(holder, absl::StrCat(path, "."));
  std::string type = "function", id, name;
  STRATA_RETURN_IF_ERROR(fields.String("type", &type));
  if (type != "function") {
    return fields.Error("type", absl::StrCat("\"", type, "\" is not supported; only functions are"),
                        "unsupported_parameter");
  }
  if (is_call) STRATA_RETURN_IF_ERROR(fields.String("id", &id));
  STRATA_ASSIGN_OR_RETURN(const Json* function, fields.Require("function"));
  if (!function->is_object()) {
    return fields.Error("function", absl::StrCat("must be an object, not ", function->type_name()),
                        "invalid_type");
  }
  RequestFields inner(*function, absl::StrCat(path, ".function."));
  STRATA_RETURN_IF_ERROR(inner.Require("name").status());
  return inner.String("name", &name);
}

absl::Status CheckFunctions(const RequestFields& fields, const std::string& name, const Json& list,
                            const std::string& path, bool is_call) {
  if (!list.is_array()) {
    return fields.Error(name, absl::StrCat("must be a list, not ", list.type_name()),
                        "invalid_type");
  }
  for (size_t i = 0; i < list.size(); ++i)
    STRATA_RETURN_IF_ERROR(CheckFunction(list[i], absl::StrCat(path, "[", i, "]"), is_call));
  return absl::OkStatus();
}

absl::Status ReadContent(RequestFields* fields, const std::string& path, bool has_calls,
                         Ordered* message) {
  const Json* content = fields->Find("content");
  if (content == nullptr && has_calls) {
    (*message)["content"] = nullptr;
    return absl::OkStatus();
  }
  STRATA_RETURN_IF_ERROR(fields->Require("content").status());
  if (content->is_string()) {
    (*message)["content"] = content->get_ref<const std::string&>();
    return absl::OkStatus();
  }
  if (!content->is_array()) {
    return fields->Error(
        "content", absl::StrCat("must be a string or a list of parts, not ", content->type_name()),
        "invalid_type");
  }
  std::string text;
  STRATA_RETURN_IF_ERROR(ReadParts(*content, absl::StrCat(path, ".content"), &text));
  (*message)["content"] = std::move(text);
  return absl::OkStatus();
}

// `ordered`: the same message with the order of its keys.
absl::StatusOr<Ordered> ReadMessage(const Json& object, const Ordered& ordered,
                                    const std::string& path) {
  RequestFields fields(object, absl::StrCat(path, "."));
  Ordered message;
  STRATA_ASSIGN_OR_RETURN(message["role"], ReadRole(&fields));
  const bool assistant = message["role"] == "assistant", tool = message["role"] == "tool";
  const Json* calls = assistant ? fields.Find("tool_calls") : nullptr;
  if (calls != nullptr) {
    STRATA_RETURN_IF_ERROR(CheckFunctions(fields, "tool_calls", *calls,
                                          absl::StrCat(path, ".tool_calls"), /*is_call=*/true));
  }
  const bool has_calls = calls != nullptr && !calls->empty();
  STRATA_RETURN_IF_ERROR(ReadContent(&fields, path, has_calls, &message));
  if (has_calls) message["tool_calls"] = ordered["tool_calls"];
  for (const char* name : {"name", "tool_call_id", "reasoning_content"}) {
    const bool fits = name[0] == 'n' || (name[0] == 't' ? tool : assistant);
    std::string text;
    if (fits) STRATA_RETURN_IF_ERROR(fields.String(name, &text));
    if (fits && fields.Find(name) != nullptr) message[name] = text;
  }
  fields.Ignore("refusal");
  if (!assistant) STRATA_RETURN_IF_ERROR(fields.RefuseUnless("tool_calls", Json::array()));
  STRATA_RETURN_IF_ERROR(fields.RefuseUnless("audio", Json()));
  STRATA_RETURN_IF_ERROR(fields.RefuseUnless("function_call", Json()));
  STRATA_RETURN_IF_ERROR(fields.RefuseUnless("annotations", Json::array()));
  STRATA_RETURN_IF_ERROR(fields.RefuseOthers());
  return message;
}

absl::Status ReadMessages(RequestFields* fields, const Ordered& body, Ordered* messages) {
  STRATA_ASSIGN_OR_RETURN(const Json* list, fields->Require("messages"));
  if (!list->is_array()) {
    return fields->Error("messages", absl::StrCat("must be a list, not ", list->type_name()),
                         "invalid_type");
  }
  if (list->empty()) return fields->Error("messages", "is empty; give at least one message");
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string path = absl::StrCat("messages[", i, "]");
    const Json& object = (*list)[i];
    if (!object.is_object()) {
      return fields->Error(path, absl::StrCat("must be an object, not ", object.type_name()),
                           "invalid_type");
    }
    STRATA_ASSIGN_OR_RETURN(Ordered message, ReadMessage(object, body["messages"][i], path));
    messages->push_back(std::move(message));
  }
  return absl::OkStatus();
}

// none, auto, required, or {"type": "function", "function": {"name": "f"}}.
absl::Status ReadToolChoice(RequestFields* fields, bool* wanted, ChatRequest* request) {
  const Json* choice = fields->Find("tool_choice");
  *wanted = choice == nullptr || *choice != "none";
  if (!*wanted || choice == nullptr || *choice == "auto") return absl::OkStatus();
  request->must_call = true;
  if (*choice == "required") return absl::OkStatus();
  if (!choice->is_object()) {
    return fields->Error(
        "tool_choice",
        absl::StrCat(choice->dump(), " is none of none, auto, required and a function"));
  }
  STRATA_RETURN_IF_ERROR(CheckFunction(*choice, "tool_choice", /*is_call=*/false));
  request->must_call_name = (*choice)["function"]["name"];
  return absl::OkStatus();
}

absl::Status ReadTools(RequestFields* fields, const Ordered& body, ChatRequest* request) {
  const Json* list = fields->Find("tools");
  if (list != nullptr)
    STRATA_RETURN_IF_ERROR(CheckFunctions(*fields, "tools", *list, "tools", /*is_call=*/false));
  bool wanted = true;
  STRATA_RETURN_IF_ERROR(ReadToolChoice(fields, &wanted, request));
  if (list != nullptr && !list->empty() && wanted) request->tools = body["tools"];
  if (request->must_call && request->tools.empty())
    return fields->Error("tool_choice", "asks for a call, but the request has no tools");
  return absl::OkStatus();
}

absl::Status ReadKwargs(RequestFields* fields, const Ordered& body, Ordered* kwargs) {
  const Json* object = fields->Find("chat_template_kwargs");
  if (object == nullptr) return absl::OkStatus();
  if (!object->is_object()) {
    return fields->Error("chat_template_kwargs",
                         absl::StrCat("must be an object, not ", object->type_name()),
                         "invalid_type");
  }
  for (const char* name :
       {"messages", "tools", "add_generation_prompt", "bos_token", "eos_token"}) {
    if (object->contains(name)) {
      return fields->Error(absl::StrCat("chat_template_kwargs.", name),
                           "is given by the server; choose another name");
    }
  }
  *kwargs = body["chat_template_kwargs"];
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ChatRequest> ReadChatRequest(RequestFields* fields, const std::string& body) {
  const Ordered ordered = Ordered::parse(body, nullptr, /*allow_exceptions=*/false);
  ChatRequest request;
  STRATA_RETURN_IF_ERROR(ReadMessages(fields, ordered, &request.messages));
  STRATA_RETURN_IF_ERROR(ReadTools(fields, ordered, &request));
  STRATA_RETURN_IF_ERROR(ReadKwargs(fields, ordered, &request.kwargs));
  STRATA_RETURN_IF_ERROR(fields->Boolean("add_generation_prompt", &request.add_generation_prompt));
  return request;
}

}  // namespace strata::inference
