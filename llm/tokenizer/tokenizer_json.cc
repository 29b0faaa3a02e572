#include "llm/tokenizer/tokenizer_json.h"

#include <utility>

#include "base/file.h"
#include "llm/tokenizer/json_view.h"
#include "llm/tokenizer/tokenizer_json_parts.h"

namespace strata::llm {
namespace {

// The name of the end of text is in another file, tokenizer_config.json; without it these are
// looked for, in order.
constexpr const char* kEndNames[] = {
    "<|endoftext|>", "<|end_of_text|>", "<|im_end|>", "<|eot_id|>", "<｜end▁of▁sentence｜>",
    "</s>",          "<eos>",           "[EOS]"};

std::optional<int32_t> FindAdded(const TokenizerSpec& spec, absl::string_view content) {
  for (const AddedToken& token : spec.added) {
    if (token.content == content) return token.id;
  }
  return std::nullopt;
}

absl::Status ReadDocument(const JsonView& root, TokenizerSpec* spec) {
  const auto read = [&](const char* key, auto&& part) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const JsonView member, root.Member(key));
    return part(member);
  };
  using namespace internal;  // NOLINT: the parts
  Ids ids;
  STRATA_RETURN_IF_ERROR(
      read("pre_tokenizer", [&](const JsonView& v) { return ReadPreTokenizer(v, spec); }));
  STRATA_RETURN_IF_ERROR(
      read("model", [&](const JsonView& v) { return ReadModel(v, &ids, spec); }));
  STRATA_RETURN_IF_ERROR(
      read("added_tokens", [&](const JsonView& v) { return ReadAddedTokens(v, ids, spec); }));
  STRATA_RETURN_IF_ERROR(
      read("normalizer", [&](const JsonView& v) { return ReadNormalizer(v, spec); }));
  STRATA_RETURN_IF_ERROR(
      read("post_processor", [&](const JsonView& v) { return ReadPostProcessor(v, spec); }));
  return read("decoder", [&](const JsonView& v) { return ReadDecoder(v, spec); });
}

// "eos_token" of a tokenizer_config.json: a text, or an object with "content".
absl::Status ReadEos(const std::string& path, TokenizerSpec* spec) {
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  STRATA_ASSIGN_OR_RETURN(const nlohmann::json document, ParseJson(text));
  STRATA_ASSIGN_OR_RETURN(JsonView eos, JsonView(&document).Member("eos_token"));
  if (eos.IsNull()) return absl::OkStatus();
  if (eos.value().is_object()) {
    STRATA_ASSIGN_OR_RETURN(eos, eos.Member("content"));
  }
  STRATA_ASSIGN_OR_RETURN(const std::string content, eos.String());
  const std::optional<int32_t> id = FindAdded(*spec, content);
  if (!id.has_value())
    return eos.Invalid(absl::StrCat("'", content, "' is not in added_tokens of tokenizer.json"));
  spec->eos = id;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenizerSpec> ParseTokenizerJson(absl::string_view json) {
  STRATA_ASSIGN_OR_RETURN(const nlohmann::json document, ParseJson(json));
  TokenizerSpec spec;
  STRATA_RETURN_IF_ERROR(ReadDocument(JsonView(&document), &spec));
  for (const char* name : kEndNames) {
    if (!spec.eos.has_value()) spec.eos = FindAdded(spec, name);
  }
  return spec;
}

absl::StatusOr<std::unique_ptr<TextTokenizer>> LoadTokenizer(const std::string& path) {
  const std::string inside = JoinPath(path, "tokenizer.json");
  const bool is_folder = FileExists(inside);
  const std::string& file = is_folder ? inside : path;
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
  absl::StatusOr<TokenizerSpec> spec = ParseTokenizerJson(text);
  STRATA_RETURN_IF_ERROR(Annotate(spec.status(), file));
  const size_t slash = file.rfind('/');
  const std::string config = slash == std::string::npos
                                 ? "tokenizer_config.json"
                                 : file.substr(0, slash + 1) + "tokenizer_config.json";
  if (FileExists(config)) STRATA_RETURN_IF_ERROR(Annotate(ReadEos(config, &*spec), config));
  absl::StatusOr<std::unique_ptr<TextTokenizer>> tokenizer =
      TextTokenizer::Create(*std::move(spec));
  STRATA_RETURN_IF_ERROR(Annotate(tokenizer.status(), file));
  return tokenizer;
}

absl::Status SaveTokenizer(const TextTokenizer& tokenizer, const std::string& path) {
  return WriteFileAtomic(path, PrintTokenizerJson(tokenizer.spec()));
}

}  // namespace strata::llm
