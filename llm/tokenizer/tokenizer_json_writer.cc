#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "llm/tokenizer/byte_alphabet.h"
#include "llm/tokenizer/score_merges.h"
#include "llm/tokenizer/tokenizer_json.h"
#include "llm/tokenizer/tokenizer_json_writer_parts.h"
#include "llm/tokenizer/vocabulary.h"

namespace strata::llm {
namespace {

using internal::Json;

// Bytes that are no UTF-8 cannot be in these texts when the spec came from a file; from elsewhere
// they are replaced.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string TextOf(const TokenizerSpec& spec, int32_t id) {
  const Token& token = spec.tokens[id];
  return token.literal || !spec.byte_level ? token.bytes : BytesToAlphabet(token.bytes);
}

const char* Flag(bool value) { return value ? "true" : "false"; }

// Calls visit(id) with each id of the model's vocabulary.
template <typename Visit>
void ForEachEntry(const TokenizerSpec& spec, Visit visit) {
  std::vector<bool> outside(spec.tokens.size(), false);
  for (const AddedToken& token : spec.added) outside[token.id] = !token.in_vocab;
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (!spec.tokens[id].bytes.empty() && !outside[id]) visit(static_cast<int32_t>(id));
  }
}

// One entry a line, so that files can be compared.
std::string VocabularyOf(const TokenizerSpec& spec) {
  std::vector<std::string> lines;
  ForEachEntry(spec, [&](int32_t id) {
    lines.push_back(absl::StrCat("      ", Dump(TextOf(spec, id)), ": ", id));
  });
  return absl::StrCat("\"vocab\": {\n", absl::StrJoin(lines, ",\n"), "\n    }");
}

// The place is the id. Where an id has no token a text stands in, with a score that keeps it from
// being made.
std::string ScoredVocabularyOf(const TokenizerSpec& spec) {
  size_t size = 0;
  double worst = 0;
  ForEachEntry(spec, [&](int32_t id) {
    size = static_cast<size_t>(id) + 1;
    worst = std::min(worst, spec.tokens[id].score);
  });
  std::vector<std::string> lines;
  for (size_t id = 0; id < size; ++id) {
    const Token& token = spec.tokens[id];
    const Json entry = token.bytes.empty() ? Json::array({absl::StrCat("<hole ", id, ">"), worst})
                                           : Json::array({token.bytes, token.score});
    lines.push_back(absl::StrCat("      ", Dump(entry)));
  }
  return absl::StrCat("\"vocab\": [\n", absl::StrJoin(lines, ",\n"), "\n    ]");
}

std::vector<std::pair<int32_t, int32_t>> MergesOf(const TokenizerSpec& spec, const BpeSpec& bpe) {
  if (!bpe.merge_by_score) return bpe.merges;
  std::vector<std::pair<int32_t, int32_t>> merges;
  const absl::StatusOr<Vocabulary> vocabulary = Vocabulary::Create(spec);
  if (!vocabulary.ok()) return merges;  // not a spec of a tokenizer
  for (const ScoreMerge& merge : MergesByScore(spec, *vocabulary))
    merges.emplace_back(merge.left, merge.right);
  return merges;
}

// As "a b", which every version of the format reads, unless a token has a space.
std::string MergesText(const TokenizerSpec& spec, const BpeSpec& bpe) {
  const std::vector<std::pair<int32_t, int32_t>> merges = MergesOf(spec, bpe);
  const auto spaced = [&](int32_t id) { return absl::StrContains(TextOf(spec, id), ' '); };
  const bool pairs = std::any_of(merges.begin(), merges.end(), [&](const auto& merge) {
    return spaced(merge.first) || spaced(merge.second);
  });
  const auto print = [&](std::string* out, const std::pair<int32_t, int32_t>& merge) {
    const std::string left = TextOf(spec, merge.first);
    const std::string right = TextOf(spec, merge.second);
    absl::StrAppend(
        out, "      ",
        pairs ? Dump(Json::array({left, right})) : Dump(absl::StrCat(left, " ", right)));
  };
  return absl::StrJoin(merges, ",\n", print);
}

std::string UnknownOf(const TokenizerSpec& spec) {
  return spec.unknown.has_value() ? Dump(TextOf(spec, *spec.unknown)) : "null";
}

// A mark that is not there is null, as Hugging Face writes it.
std::string MarkOf(const std::string& mark) { return mark.empty() ? "null" : Dump(mark); }

// The fields of the model.
struct ModelOf {
  const TokenizerSpec& spec;

  std::string operator()(const BpeSpec& bpe) const {
    return absl::StrCat(
        "\"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": ", UnknownOf(spec),
        ",\n    \"continuing_subword_prefix\": ", MarkOf(bpe.continuing_prefix),
        ",\n    \"end_of_word_suffix\": ", MarkOf(bpe.word_suffix),
        ",\n    \"fuse_unk\": ", Flag(bpe.fuse_unknown),
        ",\n    \"byte_fallback\": ", Flag(bpe.byte_fallback),
        ",\n    \"ignore_merges\": ", Flag(bpe.ignore_merges), ",\n    ", VocabularyOf(spec),
        ",\n    \"merges\": [\n", MergesText(spec, bpe), "\n    ]");
  }

  std::string operator()(const UnigramSpec& unigram) const {
    return absl::StrCat("\"type\": \"Unigram\",\n    \"unk_id\": ",
                        spec.unknown.has_value() ? absl::StrCat(*spec.unknown) : "null", ",\n    ",
                        ScoredVocabularyOf(spec),
                        ",\n    \"byte_fallback\": ", Flag(unigram.byte_fallback));
  }

  std::string operator()(const WordPieceSpec& wordpiece) const {
    return absl::StrCat("\"type\": \"WordPiece\",\n    \"unk_token\": ", UnknownOf(spec),
                        ",\n    \"continuing_subword_prefix\": ", Dump(wordpiece.continuing_prefix),
                        ",\n    \"max_input_chars_per_word\": ", wordpiece.max_characters,
                        ",\n    ", VocabularyOf(spec));
  }

  std::string operator()(const WordLevelSpec&) const {
    return absl::StrCat(
        "\"type\": \"WordLevel\",\n    ", VocabularyOf(spec), ",\n    \"unk_token\": ",
        spec.unknown.has_value() ? UnknownOf(spec) : Dump(""));  // which is no token's name
  }
};

}  // namespace

std::string PrintTokenizerJson(const TokenizerSpec& spec) {
  std::vector<std::string> added;
  for (const AddedToken& token : spec.added)
    added.push_back(absl::StrCat("    ", Dump(internal::AddedOf(token))));
  return absl::StrCat(
      "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  "
      "\"added_tokens\": [\n",
      absl::StrJoin(added, ",\n"), "\n  ],\n  \"normalizer\": ", Dump(internal::NormalizerOf(spec)),
      ",\n  \"pre_tokenizer\": ", Dump(internal::PreTokenizerOf(spec)),
      ",\n  \"post_processor\": ", Dump(internal::PostProcessorOf(spec)),
      ",\n  \"decoder\": ", Dump(internal::DecoderOf(spec)), ",\n  \"model\": {\n    ",
      std::visit(ModelOf{spec}, spec.model), "\n  }\n}\n");
}

}  // namespace strata::llm
