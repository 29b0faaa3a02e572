#include "llm/convert/tokenizer_keys.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "llm/model/gguf_vocabulary.h"
#include "llm/tokenizer/gguf_tokenizer.h"
#include "llm/tokenizer/tokenizer_json.h"
#include "nlohmann/json.hpp"

namespace strata::llm {
namespace {

using inference::GgufArray;
using inference::GgufMetadata;
using Json = nlohmann::json;

// ggml's kinds of tokens.
enum TokenType : int32_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

std::string Key(absl::string_view name) { return absl::StrCat("tokenizer.ggml.", name); }

// The file's vocabulary: of every id its spelling, kind and score.
struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  std::vector<float> scores;
};

absl::Status Bad(absl::string_view path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

// Member `name` of an object, or null.
const Json& Member(const Json& json, const char* name) {
  static const Json null;
  const auto found = json.is_object() ? json.find(name) : json.end();
  return json.is_object() && found != json.end() ? *found : null;
}

std::string Text(const Json& json, const char* name) {
  const Json& member = Member(json, name);
  return member.is_string() ? member.get<std::string>() : "";
}

// Puts a token at its id, which must be within the model.
absl::Status Place(const std::string& path, const Json& id, const std::string& token, int32_t type,
                   Vocabulary* vocabulary) {
  if (!id.is_number_unsigned() || id.get<uint64_t>() >= vocabulary->tokens.size()) {
    return Bad(path, absl::StrCat("id ", id.dump(), " of a token is outside the model's ",
                                  vocabulary->tokens.size()));
  }
  vocabulary->tokens[id.get<size_t>()] = token;
  vocabulary->types[id.get<size_t>()] = type;
  return absl::OkStatus();
}

bool IsByteToken(const std::string& token) {
  return token.size() == 6 && absl::StartsWith(token, "<0x") && token.back() == '>';
}

// {"token": id} of BPE and WordPiece, or [["token", score]] of Unigram.
absl::Status ReadVocabulary(const Json& model, Vocabulary* vocabulary) {
  const Json& vocab = Member(model, "vocab");
  const std::string unknown = Text(model, "unk_token");
  const bool bytes = Member(model, "byte_fallback") == true;
  const auto type_of = [&](const std::string& token) -> int32_t {
    if (!unknown.empty() && token == unknown) return kUnknown;
    return bytes && IsByteToken(token) ? kByte : kNormal;
  };
  if (vocab.is_object()) {
    for (const auto& [token, id] : vocab.items()) {
      STRATA_RETURN_IF_ERROR(Place("model.vocab", id, token, type_of(token), vocabulary));
    }
    return absl::OkStatus();
  }
  if (!vocab.is_array()) return Bad("model.vocab", "must be an object or a list");
  for (size_t id = 0; id < vocab.size(); ++id) {
    const Json& entry = vocab[id];
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
      return Bad(absl::StrCat("model.vocab[", id, "]"), "must be [token, score]");
    }
    const std::string token = entry[0].get<std::string>();
    const int32_t type = Member(model, "unk_id") == id ? kUnknown : type_of(token);
    STRATA_RETURN_IF_ERROR(Place("model.vocab", Json(id), token, type, vocabulary));
    vocabulary->scores[id] = entry[1].get<float>();
  }
  return absl::OkStatus();
}

absl::Status ReadAddedTokens(const Json& root, Vocabulary* vocabulary) {
  const Json& added = Member(root, "added_tokens");
  if (added.is_null()) return absl::OkStatus();
  if (!added.is_array()) return Bad("added_tokens", "must be a list");
  for (const Json& token : added) {
    const Json& id = Member(token, "id");
    const std::string content = Text(token, "content");
    const bool unknown = id.is_number_unsigned() && id.get<uint64_t>() < vocabulary->types.size() &&
                         vocabulary->types[id.get<size_t>()] == kUnknown;
    const int32_t type = unknown                            ? kUnknown
                         : Member(token, "special") == true ? kControl
                                                            : kUserDefined;
    STRATA_RETURN_IF_ERROR(Place("added_tokens", id, content, type, vocabulary));
  }
  return absl::OkStatus();
}

// "a b" each, best first.
absl::StatusOr<std::vector<std::string>> ReadMerges(const Json& model) {
  std::vector<std::string> merges;
  const Json& list = Member(model, "merges");
  if (!list.is_array()) return Bad("model.merges", "must be a list");
  for (const Json& merge : list) {
    if (merge.is_string()) {
      merges.push_back(merge.get<std::string>());
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      merges.push_back(absl::StrCat(merge[0].get<std::string>(), " ", merge[1].get<std::string>()));
    } else {
      return Bad(absl::StrCat("model.merges[", merges.size(), "]"), "must be \"a b\" or [a, b]");
    }
  }
  return merges;
}

// SentencePiece's BPE merges by score: what the n-th merge makes has -n, so that the same merge comes first.
void ScoreMerges(const std::vector<std::string>& merges, Vocabulary* vocabulary) {
  std::map<std::string, size_t> id_of;
  for (size_t id = 0; id < vocabulary->tokens.size(); ++id) id_of[vocabulary->tokens[id]] = id;
  std::vector<bool> scored(vocabulary->tokens.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    std::string made = merges[rank];
    const size_t space = made.find(' ');
    if (space != std::string::npos) made.erase(space, 1);
    const auto found = id_of.find(made);
    if (found == id_of.end() || scored[found->second]) continue;
    scored[found->second] = true;
    vocabulary->scores[found->second] = -static_cast<float>(rank + 1);
  }
  const float last = -static_cast<float>(merges.size() + 1);
  for (size_t id = 0; id < scored.size(); ++id) {
    if (!scored[id] && vocabulary->types[id] == kNormal) vocabulary->scores[id] = last;
  }
}

// All steps of a normalizer, pre-tokenizer or decoder, sequences taken apart.
void Flatten(const Json& step, const char* inner, std::vector<const Json*>* steps) {
  if (!step.is_object()) return;
  const Json& list = Member(step, inner);
  if (!list.is_array()) return steps->push_back(&step);
  for (const Json& part : list) Flatten(part, inner, steps);
}

// llama.cpp's names of ways to cut a text, by the regular expression that tokenizer.json has.
struct PreTokenizerName {
  const char* pattern;
  const char* name;
};
constexpr PreTokenizerName kPreTokenizers[] = {
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     "llama-bpe"},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     "qwen2"},
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", "gpt-2"}};

// Empty when there is no name for it.
std::string PreTokenizerOf(const std::vector<const Json*>& steps) {
  for (const Json* step : steps) {
    const std::string pattern = Text(Member(*step, "pattern"), "Regex");
    for (const PreTokenizerName& row : kPreTokenizers) {
      if (pattern == row.pattern) return row.name;
    }
    if (!pattern.empty()) return "";
    if (Text(*step, "type") == "ByteLevel" && Member(*step, "use_regex") != false) return "gpt-2";
  }
  return "";
}

bool PrependsSpace(const Json& root) {
  std::vector<const Json*> steps;
  Flatten(Member(root, "normalizer"), "normalizers", &steps);
  Flatten(Member(root, "pre_tokenizer"), "pretokenizers", &steps);
  for (const Json* step : steps) {
    const std::string type = Text(*step, "type"), scheme = Text(*step, "prepend_scheme");
    if (type == "Prepend") return true;
    if (type == "Metaspace") {
      return scheme.empty() ? Member(*step, "add_prefix_space") != false : scheme != "never";
    }
  }
  return false;
}

// Special tokens that TemplateProcessing puts before and after a text.
void ReadTemplate(const Json& post, GgufMetadata* metadata) {
  std::vector<const Json*> steps;
  Flatten(post, "processors", &steps);
  for (const Json* step : steps) {
    const Json& single = Member(*step, "single");
    if (!single.is_array() || single.empty()) continue;
    (*metadata)[Key("add_bos_token")] = single.front().contains("SpecialToken");
    (*metadata)[Key("add_eos_token")] = single.back().contains("SpecialToken");
  }
}

absl::StatusOr<GgufMetadata> ReadModel(const Json& root, int64_t vocab_size) {
  const Json& model = Member(root, "model");
  Vocabulary vocabulary;
  const auto size = static_cast<size_t>(vocab_size);
  for (size_t id = 0; id < size; ++id) vocabulary.tokens.push_back(absl::StrCat("[PAD", id, "]"));
  vocabulary.types.assign(size, kUnused);
  vocabulary.scores.assign(size, 0);
  STRATA_RETURN_IF_ERROR(ReadVocabulary(model, &vocabulary));
  STRATA_RETURN_IF_ERROR(ReadAddedTokens(root, &vocabulary));

  GgufMetadata metadata;
  std::vector<const Json*> steps;
  Flatten(Member(root, "pre_tokenizer"), "pretokenizers", &steps);
  const std::string type = Text(model, "type");
  if (type == "BPE" || (type.empty() && model.contains("merges"))) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> merges, ReadMerges(model));
    if (Member(model, "byte_fallback") == true) {
      metadata[Key("model")] = std::string("llama");
      metadata[Key("add_space_prefix")] = PrependsSpace(root);
      ScoreMerges(merges, &vocabulary);
    } else {
      metadata[Key("model")] = std::string("gpt2");
      metadata[Key("merges")] = GgufArray::Of(merges);
      const std::string pre = PreTokenizerOf(steps);
      if (!pre.empty()) metadata[Key("pre")] = pre;
    }
  } else if (type == "Unigram") {
    metadata[Key("model")] = std::string("t5");
    metadata[Key("add_space_prefix")] = PrependsSpace(root);
  } else if (type == "WordPiece") {
    metadata[Key("model")] = std::string("bert");
  } else {
    return absl::UnimplementedError(absl::StrCat(
        "model.type: '", type, "' is not supported; there is: BPE, Unigram, WordPiece"));
  }
  metadata[Key("tokens")] = GgufArray::Of(vocabulary.tokens);
  metadata[Key("token_type")] = GgufArray::Of(vocabulary.types);
  metadata[Key("scores")] = GgufArray::Of(vocabulary.scores);
  ReadTemplate(Member(root, "post_processor"), &metadata);
  return metadata;
}

// The object of a file of the folder; null when there is no such file or it is something else.
Json ReadObject(const std::string& folder, const char* file) {
  const absl::StatusOr<std::string> text = ReadFile(JoinPath(folder, file));
  if (!text.ok()) return Json();
  Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? json : Json();
}

// tokenizer_config.json has texts (or objects with a content), the other two files ids.
void ReadSpecialIds(const std::string& folder, GgufMetadata* metadata) {
  const std::vector<std::string> tokens = *GetTexts(*metadata, Key("tokens"));
  std::map<std::string, size_t> id_of;
  for (size_t id = 0; id < tokens.size(); ++id) id_of[tokens[id]] = id;
  const Json named = ReadObject(folder, "tokenizer_config.json");
  const Json generation = ReadObject(folder, "generation_config.json");
  const Json config = ReadObject(folder, "config.json");
  const std::pair<const char*, const char*> names[] = {
      {"bos", "bos"}, {"eos", "eos"}, {"unk", "unknown"}, {"pad", "padding"}};
  for (const auto& [hf, gguf] : names) {
    const std::string key = Key(absl::StrCat(gguf, "_token_id"));
    const auto set = [&](const Json& id) {
      if (id.is_number_unsigned() && id.get<uint64_t>() < tokens.size() &&
          metadata->count(key) == 0) {
        (*metadata)[key] = id.get<uint32_t>();
      }
    };
    const std::string id_key = absl::StrCat(hf, "_token_id");
    const Json& token = Member(named, absl::StrCat(hf, "_token").c_str());
    const std::string text = token.is_string() ? token.get<std::string>() : Text(token, "content");
    const auto found = id_of.find(text);
    if (found != id_of.end()) set(Json(found->second));
    for (const Json* file : {&generation, &config}) {
      const Json& id = Member(*file, id_key.c_str());
      set(id.is_array() && !id.empty() ? id[0] : id);
    }
  }
  // As LoadTokenizer() does when no file names the end of text.
  const std::vector<int64_t> types = *GetIntegers(*metadata, Key("token_type"));
  for (const char* name : EndOfTextNames()) {
    const auto found = id_of.find(name);
    const bool added = found != id_of.end() && types[found->second] != kNormal;
    if (added && metadata->count(Key("eos_token_id")) == 0) {
      (*metadata)[Key("eos_token_id")] = static_cast<uint32_t>(found->second);
    }
  }
  // Another token that ends an answer.
  const Json& ends = Member(generation, "eos_token_id");
  if (!ends.is_array()) return;
  const absl::StatusOr<int64_t> eos = TokenId(*metadata, "eos");
  for (const Json& id : ends) {
    if (id.is_number_unsigned() && id.get<uint64_t>() < tokens.size() && eos.ok() &&
        id.get<int64_t>() != *eos) {
      (*metadata)[Key("eot_token_id")] = id.get<uint32_t>();
    }
  }
}

}  // namespace

absl::StatusOr<int64_t> TokenId(const GgufMetadata& metadata, const std::string& name) {
  return GetInteger(metadata, Key(absl::StrCat(name, "_token_id")));
}

absl::StatusOr<GgufMetadata> TokenizerEntries(const std::string& folder, int64_t vocab_size) {
  const std::string path = JoinPath(folder, "tokenizer.json");
  if (!FileExists(path)) return GgufMetadata();
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const Json root = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) return Bad(path, "is not a JSON object");
  absl::StatusOr<GgufMetadata> metadata = ReadModel(root, vocab_size);
  if (!metadata.ok()) return Annotate(metadata.status(), path);
  ReadSpecialIds(folder, &*metadata);
  return metadata;
}

absl::StatusOr<std::string> MadeTokenizerJson(const GgufMetadata& metadata) {
  if (metadata.count(Key("model")) == 0) return std::string();
  STRATA_ASSIGN_OR_RETURN(const GgufTokenizer vocabulary, GgufVocabulary(metadata));
  STRATA_ASSIGN_OR_RETURN(const TokenizerSpec spec, TokenizerFromGguf(vocabulary));
  return PrintTokenizerJson(spec);
}

}  // namespace strata::llm
