#include "llm/model/generation_defaults.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "nlohmann/json.hpp"

namespace strata::llm {
namespace {

using Json = nlohmann::json;

absl::Status Bad(absl::string_view key, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(key, ": ", what));
}

template <typename T>
absl::Status ReadNumber(const Json& json, const char* key, std::optional<T>* out) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return absl::OkStatus();
  if (!it->is_number()) return Bad(key, "must be a number");
  *out = it->get<T>();
  return absl::OkStatus();
}

absl::Status ReadEos(const Json& json, std::vector<int32_t>* eos) {
  const auto it = json.find("eos_token_id");
  if (it == json.end() || it->is_null()) return absl::OkStatus();
  for (const Json& id : it->is_array() ? *it : Json::array({*it})) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX)
      return Bad("eos_token_id", "must be a token id, or a list of them");
    eos->push_back(id.get<int32_t>());
  }
  return absl::OkStatus();
}

absl::StatusOr<GenerationDefaults> Read(const Json& json) {
  GenerationDefaults defaults;
  STRATA_RETURN_IF_ERROR(ReadNumber(json, "temperature", &defaults.temperature));
  STRATA_RETURN_IF_ERROR(ReadNumber(json, "top_p", &defaults.top_p));
  STRATA_RETURN_IF_ERROR(ReadNumber(json, "top_k", &defaults.top_k));
  STRATA_RETURN_IF_ERROR(ReadNumber(json, "repetition_penalty", &defaults.repetition_penalty));
  STRATA_RETURN_IF_ERROR(ReadEos(json, &defaults.eos));
  const auto sample = json.find("do_sample");
  if (sample != json.end() && *sample == false) defaults.temperature = 0;
  return defaults;
}

absl::StatusOr<Json> ParseObject(const std::string& text, const std::string& where) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return absl::InvalidArgumentError(absl::StrCat(where, ": is not a JSON object"));
  return json;
}

// The file's content; empty where it is missing.
absl::StatusOr<std::string> ReadIfThere(const std::string& path) {
  if (!FileExists(path)) return std::string();
  return ReadFile(path);
}

}  // namespace

absl::StatusOr<GenerationDefaults> ParseGenerationConfig(const std::string& text,
                                                         const std::string& where) {
  STRATA_ASSIGN_OR_RETURN(const Json json, ParseObject(text, where));
  absl::StatusOr<GenerationDefaults> defaults = Read(json);
  if (!defaults.ok()) return Annotate(defaults.status(), where);
  return defaults;
}

absl::StatusOr<GenerationDefaults> ReadGenerationDefaults(const std::string& folder) {
  GenerationDefaults defaults;
  const std::string path = JoinPath(folder, "generation_config.json");
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadIfThere(path));
  if (!text.empty()) {
    STRATA_ASSIGN_OR_RETURN(defaults, ParseGenerationConfig(text, path));
  }
  if (!defaults.eos.empty()) return defaults;
  const std::string config_path = JoinPath(folder, "config.json");
  STRATA_ASSIGN_OR_RETURN(const std::string config, ReadIfThere(config_path));
  if (config.empty()) return defaults;
  STRATA_ASSIGN_OR_RETURN(const Json json, ParseObject(config, config_path));
  const absl::Status status = ReadEos(json, &defaults.eos);
  if (!status.ok()) return Annotate(status, config_path);
  return defaults;
}

absl::StatusOr<std::string> ReadChatTemplate(const std::string& folder) {
  STRATA_ASSIGN_OR_RETURN(std::string jinja, ReadIfThere(JoinPath(folder, "chat_template.jinja")));
  if (!jinja.empty()) return jinja;
  const std::string path = JoinPath(folder, "tokenizer_config.json");
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadIfThere(path));
  if (text.empty()) return std::string();
  STRATA_ASSIGN_OR_RETURN(const Json json, ParseObject(text, path));
  const Json chat = json.value("chat_template", Json());
  if (chat.is_null()) return std::string();
  if (chat.is_string()) return chat.get<std::string>();
  for (const Json& named : chat.is_array() ? chat : Json::array()) {
    if (named.is_object() && named.value("name", Json()) == "default" &&
        named.value("template", Json()).is_string())
      return named["template"].get<std::string>();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": chat_template: must be a text, or a list with one named 'default'"));
}

}  // namespace strata::llm
