#include "llm/convert/side_files.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "inference/engine/utf8.h"
#include "llm/convert/folder_tokenizer.h"
#include "llm/model/hf_config.h"
#include "llm/tokenizer/gguf_metadata.h"
#include "nlohmann/json.hpp"

namespace strata::llm {
namespace {

using inference::GgufMetadata;
using Json = nlohmann::json;

constexpr const char* kFiles[] = {
    "config.json",           "generation_config.json",  "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"};
constexpr char kChatTemplate[] = "tokenizer.chat_template";

std::string KeyOf(absl::string_view file) {
  return file == "tokenizer.json" ? kGgufTokenizerJsonKey : absl::StrCat("strata.file.", file);
}

// Empty when there is no such file.
absl::StatusOr<std::string> ReadIfThere(const std::string& path) {
  if (!FileExists(path)) return std::string();
  return ReadFile(path);
}

std::string KeptFile(const GgufMetadata& metadata, absl::string_view file) {
  return GetText(metadata, KeyOf(file)).value_or("");
}

// tokenizer_config.json's template: one text, or several by name of which "default" is the one for chat.
absl::StatusOr<std::string> ChatTemplate(const std::string& folder) {
  STRATA_ASSIGN_OR_RETURN(std::string text, ReadIfThere(JoinPath(folder, "chat_template.jinja")));
  if (!text.empty()) return text;
  const std::string path = JoinPath(folder, "tokenizer_config.json");
  STRATA_ASSIGN_OR_RETURN(text, ReadIfThere(path));
  if (text.empty()) return text;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is not a JSON object"));
  }
  const auto found = json.find("chat_template");
  if (found == json.end() || found->is_null()) return std::string();
  if (found->is_string()) return found->get<std::string>();
  if (found->is_array()) {
    for (const Json& entry : *found) {
      if (entry.is_object() && entry.value("name", Json()) == "default" &&
          entry.value("template", Json()).is_string()) {
        return entry["template"].get<std::string>();
      }
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": chat_template: must be a string, or a list with one named default"));
}

std::string MadeGenerationConfig(const GgufTokenizer& keys) {
  Json json = Json::object();
  if (keys.bos.has_value()) json["bos_token_id"] = *keys.bos;
  if (keys.eos.has_value()) json["eos_token_id"] = *keys.eos;
  if (keys.padding.has_value()) json["pad_token_id"] = *keys.padding;
  if (keys.eos.has_value() && keys.eot.has_value() && keys.eot != keys.eos)
    json["eos_token_id"] = {*keys.eos, *keys.eot};
  return json.empty() ? "" : json.dump(2) + "\n";
}

std::string MadeTokenizerConfig(const GgufTokenizer& keys, const std::string& chat_template) {
  Json json = Json::object();
  if (!chat_template.empty()) json["chat_template"] = chat_template;
  const auto token = [&](const char* key, const std::optional<int32_t>& id) {
    if (id.has_value() && *id >= 0 && static_cast<size_t>(*id) < keys.tokens.size())
      json[key] = keys.tokens[static_cast<size_t>(*id)];
  };
  token("bos_token", keys.bos);
  token("eos_token", keys.eos);
  token("unk_token", keys.unknown);
  token("pad_token", keys.padding);
  if (keys.add_bos.has_value()) json["add_bos_token"] = *keys.add_bos;
  if (keys.add_eos.has_value()) json["add_eos_token"] = *keys.add_eos;
  return json.empty() ? "" : json.dump(2) + "\n";
}

// The kept file where it still says what the metadata says.
std::string ConfigFile(const DecoderConfig& config, const GgufMetadata& metadata) {
  const std::string kept = KeptFile(metadata, "config.json");
  const absl::StatusOr<DecoderConfig> said = ParseHfConfig(kept, "config.json");
  if (said.ok() && said->architecture() == config.architecture() &&
      said->layers() == config.layers() && said->width() == config.width() &&
      said->heads() == config.heads() && said->kv_heads() == config.kv_heads() &&
      said->vocab_size() == config.vocab_size()) {
    return kept;
  }
  return WriteHfConfig(config);
}

}  // namespace

absl::StatusOr<GgufMetadata> MetadataOfFolder(const std::string& folder, int64_t vocab_size,
                                              std::vector<std::string>* notes) {
  STRATA_ASSIGN_OR_RETURN(const FolderTokenizer tokenizer, TokenizerOfFolder(folder, vocab_size));
  if (!tokenizer.wordless.empty() && notes != nullptr) {
    notes->push_back(absl::StrCat("tokenizer.json: kept whole, but not in GGUF's own words: ",
                                  tokenizer.wordless));
  }
  GgufMetadata metadata = GgufEntriesOf(tokenizer.gguf);
  for (const char* file : kFiles) {
    const std::string path = JoinPath(folder, file);
    STRATA_ASSIGN_OR_RETURN(std::string text, ReadIfThere(path));
    if (text.empty()) continue;
    if (inference::ValidUtf8Prefix(text) != text.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": byte ", inference::ValidUtf8Prefix(text), ": is not UTF-8"));
    }
    metadata[KeyOf(file)] = std::move(text);
  }
  STRATA_ASSIGN_OR_RETURN(std::string chat, ChatTemplate(folder));
  if (!chat.empty()) metadata[kChatTemplate] = std::move(chat);
  return metadata;
}

absl::StatusOr<std::vector<std::string>> WriteSideFiles(const std::string& folder,
                                                        const DecoderConfig& config,
                                                        const GgufMetadata& metadata) {
  STRATA_ASSIGN_OR_RETURN(const GgufTokenizer keys, GgufTokenizerOf(metadata));
  STRATA_RETURN_IF_ERROR(MakeDirectories(folder));
  std::vector<std::string> paths;
  for (const absl::string_view file : kFiles) {
    std::string text = KeptFile(metadata, file);
    if (file == "config.json") text = ConfigFile(config, metadata);
    if (text.empty() && file == "generation_config.json") text = MadeGenerationConfig(keys);
    if (text.empty() && file == "tokenizer_config.json")
      text = MadeTokenizerConfig(keys, GetText(metadata, kChatTemplate).value_or(""));
    if (text.empty() && file == "tokenizer.json") {
      STRATA_ASSIGN_OR_RETURN(text, MadeTokenizerJson(keys));
    }
    if (text.empty()) continue;
    paths.push_back(JoinPath(folder, file));
    STRATA_RETURN_IF_ERROR(WriteFileAtomic(paths.back(), text));
  }
  return paths;
}

absl::StatusOr<std::vector<std::string>> CopySideFiles(const std::string& from,
                                                       const std::string& to) {
  STRATA_RETURN_IF_ERROR(MakeDirectories(to));
  std::vector<std::string> paths;
  for (const char* file : kFiles) {
    STRATA_ASSIGN_OR_RETURN(const std::string text, ReadIfThere(JoinPath(from, file)));
    if (text.empty()) continue;
    paths.push_back(JoinPath(to, file));
    STRATA_RETURN_IF_ERROR(WriteFileAtomic(paths.back(), text));
  }
  return paths;
}

}  // namespace strata::llm
