#include "llm/tokenizer/gguf_tokenizer.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "llm/tokenizer/byte_alphabet.h"
#include "llm/tokenizer/gguf_pre_types.h"

namespace strata::llm {
namespace {

constexpr absl::string_view kMark = "\u2581";

absl::Status Invalid(absl::string_view key, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat("tokenizer.ggml.", key, ": ", message));
}

absl::Status CheckSizes(const GgufTokenizer& gguf) {
  if (gguf.tokens.empty()) return Invalid("tokens", "is missing or empty");
  const auto check = [&](const char* key, size_t size) {
    if (size == 0 || size == gguf.tokens.size()) return absl::OkStatus();
    return Invalid(key, absl::StrCat("has ", size, " entries for ", gguf.tokens.size(), " tokens"));
  };
  STRATA_RETURN_IF_ERROR(check("scores", gguf.scores.size()));
  STRATA_RETURN_IF_ERROR(check("token_type", gguf.token_types.size()));
  const auto id = [&](const char* key, const std::optional<int32_t>& value) {
    if (!value.has_value() || (*value >= 0 && static_cast<size_t>(*value) < gguf.tokens.size())) {
      return absl::OkStatus();
    }
    return Invalid(key, absl::StrCat(*value, " is outside [0, ", gguf.tokens.size(), ")"));
  };
  STRATA_RETURN_IF_ERROR(id("bos_token_id", gguf.bos));
  STRATA_RETURN_IF_ERROR(id("eos_token_id", gguf.eos));
  STRATA_RETURN_IF_ERROR(id("eot_token_id", gguf.eot));
  STRATA_RETURN_IF_ERROR(id("unknown_token_id", gguf.unknown));
  STRATA_RETURN_IF_ERROR(id("seperator_token_id", gguf.separator));
  return id("padding_token_id", gguf.padding);
}

// Marks that a model puts around texts are control marks even where types are not given.
bool IsControl(const GgufTokenizer& gguf, int32_t id) {
  return gguf.token_types.empty() && (gguf.bos == id || gguf.eos == id || gguf.unknown == id ||
                                      gguf.separator == id || gguf.padding == id);
}

GgufTokenType TypeOf(const GgufTokenizer& gguf, int32_t id) {
  if (!gguf.token_types.empty()) return static_cast<GgufTokenType>(gguf.token_types[id]);
  return IsControl(gguf, id) ? GgufTokenType::kControl : GgufTokenType::kNormal;
}

// Control marks and what users defined are found in texts before anything else.
void AddToken(const GgufTokenizer& gguf, int32_t id, TokenizerSpec* spec) {
  const GgufTokenType type = TypeOf(gguf, id);
  AddedToken token;
  token.id = id;
  token.content = gguf.tokens[id];
  token.special = type != GgufTokenType::kUserDefined;
  if (type == GgufTokenType::kControl || type == GgufTokenType::kUnknown ||
      type == GgufTokenType::kUserDefined) {
    spec->added.push_back(std::move(token));
  }
}

// Tokens as they stand; all but normal ones are not for the model to make.
absl::Status AddTokens(const GgufTokenizer& gguf, TokenizerSpec* spec) {
  absl::flat_hash_set<absl::string_view> seen;
  for (size_t i = 0; i < gguf.tokens.size(); ++i) {
    const int32_t id = static_cast<int32_t>(i);
    const std::string& text = gguf.tokens[i];
    if (!text.empty() && !seen.insert(text).second)
      return Invalid(absl::StrCat("tokens[", i, "]"), absl::StrCat("'", text, "' is there twice"));
    const GgufTokenType type = TypeOf(gguf, id);
    const bool normal = type == GgufTokenType::kNormal || type == GgufTokenType::kUndefined;
    spec->tokens.push_back({text, !normal, gguf.scores.empty() ? 0.0 : gguf.scores[i]});
    if (!text.empty()) AddToken(gguf, id, spec);
  }
  return absl::OkStatus();
}

void SetEnds(const GgufTokenizer& gguf, bool add_bos, bool add_eos, TokenizerSpec* spec) {
  if (gguf.add_bos.value_or(add_bos) && gguf.bos.has_value()) spec->prefix = {*gguf.bos};
  if (gguf.add_eos.value_or(add_eos) && gguf.eos.has_value()) spec->suffix = {*gguf.eos};
  spec->eos = gguf.eos;
}

absl::StatusOr<BpeSpec> ReadMerges(const GgufTokenizer& gguf) {
  absl::flat_hash_map<absl::string_view, int32_t> ids;
  for (size_t i = 0; i < gguf.tokens.size(); ++i) ids[gguf.tokens[i]] = static_cast<int32_t>(i);
  BpeSpec bpe;
  for (size_t i = 0; i < gguf.merges.size(); ++i) {
    const absl::string_view merge = gguf.merges[i];
    const std::string key = absl::StrCat("merges[", i, "]");
    const size_t space = merge.find(' ', 1);
    if (space == absl::string_view::npos)
      return Invalid(key,
                     absl::StrCat("'", merge, "' is not two tokens with a space between them"));
    const auto left = ids.find(merge.substr(0, space));
    const auto right = ids.find(merge.substr(space + 1));
    if (left == ids.end() || right == ids.end())
      return Invalid(key, absl::StrCat("'", merge, "' has a token that is not in tokens"));
    bpe.merges.emplace_back(left->second, right->second);
  }
  return bpe;
}

absl::StatusOr<TokenizerSpec> FromGpt2(const GgufTokenizer& gguf) {
  const GgufPreType* pre = FindGgufPreType(gguf.pre);
  if (pre == nullptr) {
    return absl::UnimplementedError(absl::StrCat("tokenizer.ggml.pre: '", gguf.pre,
                                                 "' is not known; only ", GgufPreTypeNames()));
  }
  TokenizerSpec spec;
  STRATA_RETURN_IF_ERROR(AddTokens(gguf, &spec));
  for (Token& token : spec.tokens) {
    if (token.literal) continue;
    std::optional<std::string> bytes = AlphabetToBytes(token.bytes);
    token.literal = !bytes.has_value();
    if (bytes.has_value()) token.bytes = *std::move(bytes);
  }
  STRATA_ASSIGN_OR_RETURN(BpeSpec bpe, ReadMerges(gguf));
  bpe.ignore_merges = pre->ignore_merges;
  spec.model = std::move(bpe);
  spec.pre_tokenizer = StepsOf(*pre);
  spec.pre_tokenizer.back().add_prefix_space = gguf.add_space_prefix.value_or(false);
  spec.unknown = gguf.unknown;
  SetEnds(gguf, pre->add_bos, false, &spec);
  return spec;
}

absl::StatusOr<TokenizerSpec> FromLlama(GgufTokenizer gguf) {
  if (gguf.scores.empty()) return Invalid("scores", "is missing; this model goes by scores");
  const int32_t size = static_cast<int32_t>(gguf.tokens.size());
  if (!gguf.unknown.has_value()) gguf.unknown = 0;
  if (!gguf.bos.has_value() && size > 1) gguf.bos = 1;
  if (!gguf.eos.has_value() && size > 2) gguf.eos = 2;
  TokenizerSpec spec;
  spec.byte_level = false;
  STRATA_RETURN_IF_ERROR(AddTokens(gguf, &spec));
  for (int32_t id = 0; id < size; ++id) {
    // A run of marks is made by merges though users defined it.
    if (TypeOf(gguf, id) == GgufTokenType::kUserDefined &&
        absl::StrContains(gguf.tokens[id], kMark))
      spec.tokens[id].literal = false;
  }
  BpeSpec bpe;
  bpe.merge_by_score = true;
  bpe.byte_fallback = true;
  bpe.fuse_unknown = true;
  spec.model = std::move(bpe);
  spec.unknown = gguf.unknown;
  const bool prefix = gguf.add_space_prefix.value_or(true);
  if (prefix) spec.normalizers.push_back(PrependText{std::string(kMark)});
  spec.normalizers.push_back(ReplaceText{" ", true, std::string(kMark)});
  spec.decoders = {ReplaceText{std::string(kMark), true, " "}, DecodeByteFallback(), DecodeFuse()};
  if (prefix) spec.decoders.push_back(DecodeStrip{" ", 1, 0});
  SetEnds(gguf, true, false, &spec);
  return spec;
}

absl::StatusOr<TokenizerSpec> FromT5(GgufTokenizer gguf) {
  if (gguf.scores.empty()) return Invalid("scores", "is missing; this model goes by scores");
  const int32_t size = static_cast<int32_t>(gguf.tokens.size());
  if (!gguf.unknown.has_value() && size > 2) gguf.unknown = 2;
  if (!gguf.eos.has_value() && size > 1) gguf.eos = 1;
  TokenizerSpec spec;
  spec.byte_level = false;
  STRATA_RETURN_IF_ERROR(AddTokens(gguf, &spec));
  spec.model = UnigramSpec();
  spec.unknown = gguf.unknown;
  if (!gguf.character_map.empty()) spec.normalizers.push_back(CharacterMap{gguf.character_map});
  if (gguf.remove_extra_spaces.value_or(false)) {
    spec.normalizers.push_back(StripSpace());
    spec.normalizers.push_back(ReplaceText{" {2,}", false, " "});
  }
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::kMetaspace;
  const bool prefix = gguf.add_space_prefix.value_or(true);
  step.prepend_scheme = prefix ? PrependScheme::kAlways : PrependScheme::kNever;
  // Cuts before marks change nothing unless a token reaches across one.
  step.split = std::none_of(spec.tokens.begin(), spec.tokens.end(), [](const Token& token) {
    return !token.literal && token.bytes.find(kMark.data(), 1, kMark.size()) != std::string::npos;
  });
  spec.pre_tokenizer = {step};
  spec.decoders = {DecodeMetaspace{std::string(kMark), prefix}};
  SetEnds(gguf, false, true, &spec);
  return spec;
}

// "hello" is written "▁hello" there, and "##ing" "ing".
absl::StatusOr<TokenizerSpec> FromBert(GgufTokenizer gguf) {
  TokenizerSpec spec;
  spec.byte_level = false;
  STRATA_RETURN_IF_ERROR(AddTokens(gguf, &spec));
  for (Token& token : spec.tokens) {
    if (token.literal || token.bytes.empty()) continue;
    token.bytes = absl::StartsWith(token.bytes, kMark) ? token.bytes.substr(kMark.size())
                                                       : absl::StrCat("##", token.bytes);
  }
  spec.model = WordPieceSpec();
  spec.unknown = gguf.unknown;
  spec.normalizers = {BertNormalization()};
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::kBert;
  spec.pre_tokenizer = {step};
  spec.decoders = {DecodeWordPiece()};
  if (!gguf.eos.has_value()) gguf.eos = gguf.separator;
  SetEnds(gguf, true, true, &spec);
  return spec;
}

}  // namespace

absl::StatusOr<TokenizerSpec> TokenizerFromGguf(const GgufTokenizer& gguf) {
  if (gguf.model.empty())
    return absl::NotFoundError("tokenizer.ggml.model: is missing; the file has no tokenizer");
  STRATA_RETURN_IF_ERROR(CheckSizes(gguf));
  if (gguf.model == "gpt2") return FromGpt2(gguf);
  if (gguf.model == "llama") return FromLlama(gguf);
  if (gguf.model == "t5") return FromT5(gguf);
  if (gguf.model == "bert") return FromBert(gguf);
  return absl::UnimplementedError(absl::StrCat("tokenizer.ggml.model: '", gguf.model,
                                               "' is not known; only gpt2, llama, t5, bert"));
}

}  // namespace strata::llm
