#include "inference/server/api_misc.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "inference/engine/utf8.h"
#include "inference/server/api_error.h"
#include "inference/server/chat_request.h"
#include "inference/server/generation_params.h"
#include "inference/server/request_fields.h"

namespace strata::inference {
namespace {

using Json = nlohmann::json;

constexpr char kVersion[] = "0.1.0";
constexpr char kModelsPath[] = "/v1/models/";

absl::Status SendJson(const Json& json, const std::shared_ptr<HttpReply>& reply) {
  reply->Send({.body = json.dump(-1, ' ', false, Json::error_handler_t::replace)});
  return absl::OkStatus();
}

Json ModelObject(const Serving& serving) {
  return {{"id", serving.model_name},
          {"object", "model"},
          {"created", serving.created},
          {"owned_by", "strata"},
          {"max_model_len", serving.engine->context()},
          {"meta",  // as llama.cpp's server has it
           {{"n_vocab", serving.engine->model().vocab_size()},
            {"n_ctx_train", serving.engine->model().max_context()}}}};
}

}  // namespace

absl::Status HandleModels(Serving& serving, const HttpCall&,
                          const std::shared_ptr<HttpReply>& reply) {
  return SendJson({{"object", "list"}, {"data", Json::array({ModelObject(serving)})}}, reply);
}

absl::Status HandleModel(Serving& serving, const HttpCall& call,
                         const std::shared_ptr<HttpReply>& reply) {
  const Json name = {{"model", ReplaceInvalidUtf8(call.path.substr(sizeof(kModelsPath) - 1))}};
  RequestFields fields(name);
  STRATA_RETURN_IF_ERROR(CheckModel(&fields, serving));
  return SendJson(ModelObject(serving), reply);
}

absl::Status HandleHealth(Serving&, const HttpCall&, const std::shared_ptr<HttpReply>& reply) {
  return SendJson({{"status", "ok"}}, reply);
}

absl::Status HandleVersion(Serving&, const HttpCall&, const std::shared_ptr<HttpReply>& reply) {
  return SendJson({{"version", kVersion}}, reply);
}

absl::Status HandleMetrics(Serving& serving, const HttpCall&,
                           const std::shared_ptr<HttpReply>& reply) {
  reply->Send({.content_type = ServerMetrics::kContentType,
               .body = serving.metrics.Text(serving.engine->stats())});
  return absl::OkStatus();
}

absl::Status HandleTokenize(Serving& serving, const HttpCall& call,
                            const std::shared_ptr<HttpReply>& reply) {
  STRATA_ASSIGN_OR_RETURN(const Json body, ParseRequest(call.body));
  RequestFields fields(body);
  STRATA_RETURN_IF_ERROR(CheckModel(&fields, serving));
  bool strings = false, special = serving.add_bos;
  STRATA_RETURN_IF_ERROR(fields.Boolean("return_token_strs", &strings));
  STRATA_RETURN_IF_ERROR(fields.Boolean("add_special_tokens", &special));
  const Tokenizer& tokenizer = serving.engine->tokenizer();
  std::vector<int32_t> ids;
  if (fields.Find("messages") != nullptr) {
    STRATA_ASSIGN_OR_RETURN(const ChatRequest chat, ReadChatRequest(&fields, call.body));
    absl::StatusOr<ChatPrompt> prompt = serving.chat.Apply(chat);
    if (!prompt.ok()) return fields.Error("messages", prompt.status().message());
    ids = std::move(prompt->ids);
  } else {
    STRATA_RETURN_IF_ERROR(fields.Require("prompt").status());
    std::string prompt;
    STRATA_RETURN_IF_ERROR(fields.String("prompt", &prompt));
    ids = tokenizer.Encode(prompt);
    if (special && tokenizer.bos().has_value()) ids.insert(ids.begin(), *tokenizer.bos());
  }
  STRATA_RETURN_IF_ERROR(fields.RefuseOthers());
  Json answer = {
      {"count", ids.size()}, {"max_model_len", serving.engine->context()}, {"token_strs", nullptr}};
  if (strings) {
    answer["token_strs"] = Json::array();
    for (int32_t id : ids)
      answer["token_strs"].push_back(ReplaceInvalidUtf8(tokenizer.TokenBytes(id)));
  }
  answer["tokens"] = std::move(ids);
  return SendJson(answer, reply);
}

absl::Status HandleDetokenize(Serving& serving, const HttpCall& call,
                              const std::shared_ptr<HttpReply>& reply) {
  STRATA_ASSIGN_OR_RETURN(const Json body, ParseRequest(call.body));
  RequestFields fields(body);
  STRATA_RETURN_IF_ERROR(CheckModel(&fields, serving));
  STRATA_ASSIGN_OR_RETURN(const Json* tokens, fields.Require("tokens"));
  STRATA_RETURN_IF_ERROR(fields.RefuseOthers());
  if (!tokens->is_array()) {
    return fields.Error("tokens",
                        absl::StrCat("must be a list of token ids, not ", tokens->type_name()),
                        "invalid_type");
  }
  const int64_t vocabulary = serving.engine->tokenizer().vocab_size();
  std::vector<int32_t> ids;
  for (size_t i = 0; i < tokens->size(); ++i) {
    const Json& id = (*tokens)[i];
    const std::string path = absl::StrCat("tokens[", i, "]");
    if (!id.is_number_integer()) {
      return fields.Error(path, absl::StrCat("must be an integer, not ", id.type_name()),
                          "invalid_type");
    }
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= static_cast<uint64_t>(vocabulary)) {
      return fields.Error(path, absl::StrCat(id.dump(), " is outside [0, ", vocabulary, ")"));
    }
    ids.push_back(id.get<int32_t>());
  }
  return SendJson({{"prompt", ReplaceInvalidUtf8(serving.engine->tokenizer().Decode(ids))}}, reply);
}

}  // namespace strata::inference
