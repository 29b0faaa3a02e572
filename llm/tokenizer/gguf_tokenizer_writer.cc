#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "llm/tokenizer/byte_alphabet.h"
#include "llm/tokenizer/gguf_pre_types.h"
#include "llm/tokenizer/gguf_tokenizer.h"
#include "llm/tokenizer/score_merges.h"
#include "llm/tokenizer/vocabulary.h"

namespace strata::llm {
namespace {

constexpr absl::string_view kMark = "\u2581";

absl::Status NotInGguf(absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat(what, " has no words in GGUF's metadata"));
}

std::string TextOf(const TokenizerSpec& spec, int32_t id) {
  const Token& token = spec.tokens[id];
  return token.literal || !spec.byte_level ? token.bytes : BytesToAlphabet(token.bytes);
}

// Tokens with their types; ids without a token get a name of their own.
void PutTokens(const TokenizerSpec& spec, GgufTokenizer* gguf) {
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    const Token& token = spec.tokens[id];
    GgufTokenType type = token.literal ? GgufTokenType::kUnused : GgufTokenType::kNormal;
    if (!spec.byte_level && token.literal && ParseByteToken(token.bytes).has_value())
      type = GgufTokenType::kByte;
    gguf->tokens.push_back(token.bytes.empty() ? absl::StrCat("[PAD", id, "]")
                                               : TextOf(spec, static_cast<int32_t>(id)));
    if (token.bytes.empty()) type = GgufTokenType::kUnused;
    gguf->token_types.push_back(static_cast<int32_t>(type));
  }
  for (const AddedToken& token : spec.added) {
    const GgufTokenType type = !token.special             ? GgufTokenType::kUserDefined
                               : spec.unknown == token.id ? GgufTokenType::kUnknown
                                                          : GgufTokenType::kControl;
    gguf->token_types[token.id] = static_cast<int32_t>(type);
    gguf->tokens[token.id] = token.content;
  }
  if (spec.unknown.has_value() && !spec.byte_level)
    gguf->token_types[*spec.unknown] = static_cast<int32_t>(GgufTokenType::kUnknown);
}

absl::Status PutEnds(const TokenizerSpec& spec, GgufTokenizer* gguf) {
  if (spec.prefix.size() > 1 || spec.suffix.size() > 1)
    return NotInGguf("post_processor: more than one token before or after a text");
  gguf->unknown = spec.unknown;
  gguf->eos = spec.eos;
  gguf->add_bos = !spec.prefix.empty();
  gguf->add_eos = !spec.suffix.empty();
  if (!spec.prefix.empty()) gguf->bos = spec.prefix[0];
  if (spec.suffix.empty()) return absl::OkStatus();
  if (std::holds_alternative<WordPieceSpec>(spec.model)) gguf->separator = spec.suffix[0];
  if (!gguf->eos.has_value()) gguf->eos = spec.suffix[0];
  if (gguf->eos == spec.suffix[0]) return absl::OkStatus();
  return NotInGguf("post_processor: a token after each text that is not eos");
}

absl::Status PutGpt2(const TokenizerSpec& spec, const BpeSpec& bpe, GgufTokenizer* gguf) {
  const bool only_nfc =
      std::all_of(spec.normalizers.begin(), spec.normalizers.end(), [](const Normalization& step) {
        const UnicodeForm* form = std::get_if<UnicodeForm>(&step);
        return form != nullptr && *form == UnicodeForm::kNfc;
      });
  if (!only_nfc) return NotInGguf("normalizer: other than NFC before byte-level BPE");
  const GgufPreType* pre = FindGgufPreType(spec.pre_tokenizer, bpe.ignore_merges);
  if (pre == nullptr) return NotInGguf("pre_tokenizer: these steps");
  gguf->model = "gpt2";
  gguf->pre = pre->name;
  for (const auto& [left, right] : bpe.merges)
    gguf->merges.push_back(absl::StrCat(TextOf(spec, left), " ", TextOf(spec, right)));
  return absl::OkStatus();
}

// Scores that give these merges: of a token, minus the rank of the first merge that makes it.
// Fails when no scores do.
absl::StatusOr<std::vector<float>> ScoresOf(const TokenizerSpec& spec, const BpeSpec& bpe) {
  TokenizerSpec scored = spec;
  const double last = -static_cast<double>(bpe.merges.size());
  for (Token& token : scored.tokens) token.score = last;
  STRATA_ASSIGN_OR_RETURN(const Vocabulary vocabulary, Vocabulary::Create(spec));
  double before = 0;
  for (size_t rank = 0; rank < bpe.merges.size(); ++rank) {
    const auto [left, right] = bpe.merges[rank];
    const std::optional<int32_t> result =
        vocabulary.Find(spec.tokens[left].bytes + spec.tokens[right].bytes);
    if (!result.has_value())
      return absl::InvalidArgumentError(absl::StrCat("merges[", rank, "]: makes no token"));
    double& score = scored.tokens[*result].score;
    score = std::max(score, -static_cast<double>(rank));
    if (score > before) return NotInGguf("merges: an order that is not one of scores");
    before = score;
  }
  absl::flat_hash_set<std::pair<int32_t, int32_t>> listed(bpe.merges.begin(), bpe.merges.end());
  for (const ScoreMerge& merge : MergesByScore(scored, vocabulary)) {
    if (!listed.contains({merge.left, merge.right}))
      return NotInGguf("merges: without a pair that spells a token");
  }
  std::vector<float> scores;
  for (const Token& token : scored.tokens) scores.push_back(static_cast<float>(token.score));
  return scores;
}

// Whether the steps put a mark for each space: before each text too?
absl::StatusOr<bool> MarksPrefix(const TokenizerSpec& spec) {
  bool replaced = false;
  bool prefix = false;
  for (const Normalization& step : spec.normalizers) {
    const auto* replace = std::get_if<ReplaceText>(&step);
    const auto* prepend = std::get_if<PrependText>(&step);
    const bool marks = replace != nullptr && replace->literal && replace->pattern == " " &&
                       replace->content == kMark;
    if (!marks && (prepend == nullptr || prepend->text != kMark))
      return NotInGguf("normalizer: other than spaces to marks before SentencePiece's BPE");
    replaced |= marks;
    prefix |= prepend != nullptr;
  }
  for (const PreTokenizerStep& step : spec.pre_tokenizer) {
    // Gemma's cut at spaces, which its normalizer left none of.
    if (step.kind == PreTokenizerStep::Kind::kSplit && step.literal && step.pattern == " " &&
        replaced)
      continue;
    if (step.kind != PreTokenizerStep::Kind::kMetaspace || step.replacement != kMark || replaced)
      return NotInGguf("pre_tokenizer: other than Metaspace before SentencePiece's BPE");
    replaced = true;
    prefix = step.prepend_scheme != PrependScheme::kNever;
  }
  if (!replaced) return NotInGguf("normalizer: BPE on characters that keeps spaces");
  return prefix;
}

absl::Status PutLlama(const TokenizerSpec& spec, const BpeSpec& bpe, GgufTokenizer* gguf) {
  if (!bpe.byte_fallback || !bpe.continuing_prefix.empty() || !bpe.word_suffix.empty())
    return NotInGguf("model: BPE on characters without byte_fallback or with marks in words");
  gguf->model = "llama";
  gguf->pre = "default";
  STRATA_ASSIGN_OR_RETURN(gguf->add_space_prefix, MarksPrefix(spec));
  if (bpe.merge_by_score) {
    for (const Token& token : spec.tokens) gguf->scores.push_back(static_cast<float>(token.score));
    return absl::OkStatus();
  }
  STRATA_ASSIGN_OR_RETURN(gguf->scores, ScoresOf(spec, bpe));
  return absl::OkStatus();
}

absl::Status PutT5(const TokenizerSpec& spec, GgufTokenizer* gguf) {
  gguf->model = "t5";
  gguf->pre = "default";
  gguf->remove_extra_spaces = false;
  for (const Normalization& step : spec.normalizers) {
    const auto* map = std::get_if<CharacterMap>(&step);
    const auto* replace = std::get_if<ReplaceText>(&step);
    if (map != nullptr) {
      gguf->character_map = map->bytes;
    } else if (std::holds_alternative<StripSpace>(step) ||
               (replace != nullptr && replace->pattern == " {2,}" && replace->content == " ")) {
      gguf->remove_extra_spaces = true;
    } else {
      return NotInGguf(
          "normalizer: other than Precompiled, Strip and runs of spaces before Unigram");
    }
  }
  for (const PreTokenizerStep& step : spec.pre_tokenizer) {
    if (step.kind == PreTokenizerStep::Kind::kWhitespaceSplit) {
      gguf->remove_extra_spaces = true;
    } else if (step.kind == PreTokenizerStep::Kind::kMetaspace && step.replacement == kMark) {
      gguf->add_space_prefix = step.prepend_scheme != PrependScheme::kNever;
    } else {
      return NotInGguf("pre_tokenizer: other than Metaspace before Unigram");
    }
  }
  for (const Token& token : spec.tokens) gguf->scores.push_back(static_cast<float>(token.score));
  return absl::OkStatus();
}

absl::Status PutBert(const TokenizerSpec& spec, const WordPieceSpec& wordpiece,
                     GgufTokenizer* gguf) {
  const auto* bert =
      spec.normalizers.size() == 1 ? std::get_if<BertNormalization>(&spec.normalizers[0]) : nullptr;
  if (bert == nullptr || !bert->lowercase || !bert->strip_accents.value_or(true))
    return NotInGguf("normalizer: other than BERT's lower case before WordPiece");
  gguf->model = "bert";
  gguf->pre = "default";
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (spec.tokens[id].literal || spec.tokens[id].bytes.empty()) continue;
    std::string& text = gguf->tokens[id];
    text = absl::StartsWith(text, wordpiece.continuing_prefix)
               ? text.substr(wordpiece.continuing_prefix.size())
               : absl::StrCat(kMark, text);
  }
  return absl::OkStatus();
}

struct Put {
  const TokenizerSpec& spec;
  GgufTokenizer* gguf;

  absl::Status operator()(const BpeSpec& bpe) const {
    return spec.byte_level ? PutGpt2(spec, bpe, gguf) : PutLlama(spec, bpe, gguf);
  }
  absl::Status operator()(const UnigramSpec&) const { return PutT5(spec, gguf); }
  absl::Status operator()(const WordLevelSpec&) const { return NotInGguf("model: WordLevel"); }
  absl::Status operator()(const WordPieceSpec& wordpiece) const {
    return PutBert(spec, wordpiece, gguf);
  }
};

}  // namespace

absl::StatusOr<GgufTokenizer> GgufFromTokenizer(const TokenizerSpec& spec) {
  GgufTokenizer gguf;
  PutTokens(spec, &gguf);
  STRATA_RETURN_IF_ERROR(PutEnds(spec, &gguf));
  STRATA_RETURN_IF_ERROR(std::visit(Put{spec, &gguf}, spec.model));
  return gguf;
}

}  // namespace strata::llm
