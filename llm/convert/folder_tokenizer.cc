#include "llm/convert/folder_tokenizer.h"

#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "llm/tokenizer/text_tokenizer.h"
#include "llm/tokenizer/tokenizer_json.h"
#include "nlohmann/json.hpp"

namespace strata::llm {
namespace {

using Json = nlohmann::json;
using Id = std::optional<int32_t>;

// The object of a file of the folder; null when there is no such file or it is something else.
Json ReadObject(const std::string& folder, const char* file) {
  const absl::StatusOr<std::string> text = ReadFile(JoinPath(folder, file));
  if (!text.ok()) return Json();
  Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? json : Json();
}

// Member `name` of an object, or null.
Json Member(const Json& json, const std::string& name) {
  return json.is_object() ? json.value(name, Json()) : Json();
}

// The files that say which tokens are special: tokenizer_config.json by text (or an object with a content), the other two
// by id.
class SpecialIds {
 public:
  SpecialIds(const std::string& folder, const TokenizerSpec& spec)
      : size_(spec.tokens.size()),
        named_(ReadObject(folder, "tokenizer_config.json")),
        generation_(ReadObject(folder, "generation_config.json")),
        config_(ReadObject(folder, "config.json")) {
    for (size_t id = 0; id < size_; ++id) {
      if (!spec.tokens[id].bytes.empty())
        id_of_.emplace(spec.tokens[id].bytes, static_cast<int32_t>(id));
    }
  }

  // `name` is Hugging Face's: bos, eos, unk, pad.
  Id Find(const std::string& name) const {
    Json token = Member(named_, name + "_token");
    if (token.is_object()) token = Member(token, "content");
    if (token.is_string()) {
      const auto found = id_of_.find(token.get<std::string>());
      if (found != id_of_.end()) return found->second;
    }
    for (const Json* file : {&generation_, &config_}) {
      const Json id = Member(*file, name + "_token_id");
      const Id valid = Valid(id.is_array() && !id.empty() ? id[0] : id);
      if (valid.has_value()) return valid;
    }
    return std::nullopt;
  }

  // Another token than eos that ends an answer.
  Id FindEndOfTurn(Id eos) const {
    const Json ends = Member(generation_, "eos_token_id");
    Id found;
    if (!ends.is_array() || !eos.has_value()) return found;
    for (const Json& end : ends) {
      const Id id = Valid(end);
      if (id.has_value() && id != eos) found = id;
    }
    return found;
  }

 private:
  Id Valid(const Json& id) const {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= size_) return std::nullopt;
    return id.get<int32_t>();
  }

  const size_t size_;
  const Json named_, generation_, config_;
  absl::flat_hash_map<std::string, int32_t> id_of_;
};

// What the files say, where the tokenizer itself does not.
void PutSpecialIds(const SpecialIds& ids, const Id& eos, GgufTokenizer* gguf) {
  if (!gguf->bos.has_value()) gguf->bos = ids.Find("bos");
  if (!gguf->eos.has_value()) gguf->eos = eos;
  if (!gguf->unknown.has_value()) gguf->unknown = ids.Find("unk");
  gguf->padding = ids.Find("pad");
  gguf->eot = ids.FindEndOfTurn(gguf->eos);
}

absl::Status FillUp(int64_t vocab_size, TokenizerSpec* spec) {
  if (static_cast<int64_t>(spec->tokens.size()) > vocab_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "id ", spec->tokens.size() - 1, " of a token is outside the model's ", vocab_size));
  }
  spec->tokens.resize(static_cast<size_t>(vocab_size));
  return absl::OkStatus();
}

absl::StatusOr<FolderTokenizer> TokenizerOf(const std::string& folder, const std::string& json,
                                            int64_t vocab_size) {
  STRATA_ASSIGN_OR_RETURN(TokenizerSpec spec, ParseTokenizerJson(json));
  STRATA_RETURN_IF_ERROR(FillUp(vocab_size, &spec));
  const SpecialIds ids(folder, spec);
  const Id named = ids.Find("eos");
  if (named.has_value()) spec.eos = named;
  const Id eos = spec.eos;
  STRATA_ASSIGN_OR_RETURN(const auto checked, TextTokenizer::Create(std::move(spec)));
  FolderTokenizer made;
  absl::StatusOr<GgufTokenizer> gguf = GgufFromTokenizer(checked->spec());
  if (gguf.ok()) {
    made.gguf = *std::move(gguf);
  } else if (absl::IsUnimplemented(gguf.status())) {
    made.wordless = std::string(gguf.status().message());
  } else {
    return gguf.status();
  }
  PutSpecialIds(ids, eos, &made.gguf);
  return made;
}

}  // namespace

absl::StatusOr<FolderTokenizer> TokenizerOfFolder(const std::string& folder, int64_t vocab_size) {
  const std::string path = JoinPath(folder, "tokenizer.json");
  if (!FileExists(path)) return FolderTokenizer();
  STRATA_ASSIGN_OR_RETURN(const std::string json, ReadFile(path));
  absl::StatusOr<FolderTokenizer> made = TokenizerOf(folder, json, vocab_size);
  if (absl::IsUnimplemented(made.status()))
    return FolderTokenizer{{}, std::string(made.status().message())};
  STRATA_RETURN_IF_ERROR(Annotate(made.status(), path));
  return made;
}

absl::StatusOr<std::string> MadeTokenizerJson(const GgufTokenizer& gguf) {
  if (gguf.model.empty()) return std::string();
  STRATA_ASSIGN_OR_RETURN(const TokenizerSpec spec, TokenizerFromGguf(gguf));
  return PrintTokenizerJson(spec);
}

}  // namespace strata::llm
