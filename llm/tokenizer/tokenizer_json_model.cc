// The model of a tokenizer.json: vocabulary, merges, scores.
#include <string>
#include <utility>
#include <vector>

#include "llm/tokenizer/byte_alphabet.h"
#include "llm/tokenizer/tokenizer_json_parts.h"
#include "llm/tokenizer/vocabulary.h"

namespace strata::llm::internal {
namespace {

// Enters a token of the vocabulary under its id.
absl::Status AddEntry(const JsonView& where, const std::string& text, int32_t id, double score,
                      TokenizerSpec* spec, Ids* ids) {
  if (text.empty()) return where.Invalid("a token cannot be empty");
  if (static_cast<size_t>(id) >= spec->tokens.size()) spec->tokens.resize(id + 1);
  Token& token = spec->tokens[id];
  if (!token.bytes.empty())
    return where.Invalid(absl::StrCat("id ", id, " is already that of another token"));
  token = {text, false, score};
  if (spec->byte_level) {
    std::optional<std::string> bytes = AlphabetToBytes(text);
    token.literal = !bytes.has_value();
    if (bytes.has_value()) token.bytes = *std::move(bytes);
  }
  ids->emplace(text, id);
  return absl::OkStatus();
}

absl::Status ReadVocabulary(const JsonView& vocab, TokenizerSpec* spec, Ids* ids) {
  if (!vocab.value().is_object()) return vocab.Invalid("expected an object of token to id");
  const size_t size = vocab.value().size();
  ids->reserve(size);
  for (const auto& [text, value] : vocab.value().items()) {
    const JsonView entry(&value, absl::StrCat(vocab.path(), "['", text, "']"));
    STRATA_ASSIGN_OR_RETURN(const int32_t id, entry.Id());
    STRATA_RETURN_IF_ERROR(CheckRange(entry, id, size));
    STRATA_RETURN_IF_ERROR(AddEntry(entry, text, id, 0, spec, ids));
  }
  return absl::OkStatus();
}

// [["token", score], ...]: the place is the id.
absl::Status ReadScoredVocabulary(const JsonView& vocab, TokenizerSpec* spec, Ids* ids) {
  STRATA_ASSIGN_OR_RETURN(const size_t size, vocab.ArraySize());
  ids->reserve(size);
  for (size_t i = 0; i < size; ++i) {
    const JsonView entry = vocab.Element(i);
    STRATA_ASSIGN_OR_RETURN(const size_t parts, entry.ArraySize());
    if (parts != 2) return entry.Invalid("expected a token and its score");
    STRATA_ASSIGN_OR_RETURN(const std::string text, entry.Element(0).String());
    STRATA_ASSIGN_OR_RETURN(const double score, entry.Element(1).Number());
    STRATA_RETURN_IF_ERROR(AddEntry(entry, text, static_cast<int32_t>(i), score, spec, ids));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::pair<std::string, std::string>> ReadMerge(const JsonView& merge) {
  if (merge.value().is_string()) {
    const std::string& text = merge.value().get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
      return merge.Invalid(
          absl::StrCat("'", text, "' is not two tokens with a space between them"));
    }
    return std::make_pair(text.substr(0, space), text.substr(space + 1));
  }
  if (!merge.value().is_array() || merge.value().size() != 2) {
    return merge.Invalid("expected a pair of tokens or a string of two");
  }
  STRATA_ASSIGN_OR_RETURN(std::string left, merge.Element(0).String());
  STRATA_ASSIGN_OR_RETURN(std::string right, merge.Element(1).String());
  return std::make_pair(std::move(left), std::move(right));
}

absl::Status ReadMerges(const JsonView& merges, const Ids& ids, BpeSpec* bpe) {
  STRATA_ASSIGN_OR_RETURN(const size_t size, merges.ArraySize());
  for (size_t i = 0; i < size; ++i) {
    const JsonView merge = merges.Element(i);
    STRATA_ASSIGN_OR_RETURN(const auto pair, ReadMerge(merge));
    const auto left = ids.find(pair.first);
    const auto right = ids.find(pair.second);
    if (left == ids.end() || right == ids.end()) {
      return merge.Invalid(absl::StrCat("token '", left == ids.end() ? pair.first : pair.second,
                                        "' is not in model.vocab"));
    }
    bpe->merges.emplace_back(left->second, right->second);
  }
  return absl::OkStatus();
}

absl::Status ReadUnknown(const JsonView& model, const Ids& ids, TokenizerSpec* spec) {
  STRATA_ASSIGN_OR_RETURN(const JsonView unknown, model.Member("unk_token"));
  if (unknown.IsNull()) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(const std::string text, unknown.String());
  const auto it = ids.find(text);
  if (it == ids.end()) return unknown.Invalid(absl::StrCat("'", text, "' is not in model.vocab"));
  spec->unknown = it->second;
  return absl::OkStatus();
}

// Text must not be able to spell a byte.
void ReserveByteTokens(TokenizerSpec* spec) {
  for (int32_t id : ByteTokens(*spec)) {
    if (id >= 0) spec->tokens[id].literal = true;
  }
}

absl::Status ReadBpe(const JsonView& model, Ids* ids, TokenizerSpec* spec) {
  STRATA_ASSIGN_OR_RETURN(const JsonView dropout, model.Member("dropout"));
  if (!dropout.IsNull() && dropout.value() != 0)
    return dropout.Unsupported("is not supported; set it to null");
  BpeSpec bpe;
  STRATA_ASSIGN_OR_RETURN(bpe.continuing_prefix,
                          model.StringMember("continuing_subword_prefix", ""));
  STRATA_ASSIGN_OR_RETURN(bpe.word_suffix, model.StringMember("end_of_word_suffix", ""));
  STRATA_ASSIGN_OR_RETURN(bpe.ignore_merges, model.BoolMember("ignore_merges", false));
  STRATA_ASSIGN_OR_RETURN(bpe.fuse_unknown, model.BoolMember("fuse_unk", false));
  STRATA_ASSIGN_OR_RETURN(bpe.byte_fallback, model.BoolMember("byte_fallback", false));
  STRATA_ASSIGN_OR_RETURN(const JsonView vocab, model.Member("vocab"));
  STRATA_RETURN_IF_ERROR(ReadVocabulary(vocab, spec, ids));
  STRATA_ASSIGN_OR_RETURN(const JsonView merges, model.Member("merges"));
  STRATA_RETURN_IF_ERROR(ReadMerges(merges, *ids, &bpe));
  STRATA_RETURN_IF_ERROR(ReadUnknown(model, *ids, spec));
  if (bpe.byte_fallback && !spec->byte_level) ReserveByteTokens(spec);
  spec->model = std::move(bpe);
  return absl::OkStatus();
}

absl::Status ReadUnigram(const JsonView& model, Ids* ids, TokenizerSpec* spec) {
  UnigramSpec unigram;
  STRATA_ASSIGN_OR_RETURN(unigram.byte_fallback, model.BoolMember("byte_fallback", false));
  STRATA_ASSIGN_OR_RETURN(const JsonView vocab, model.Member("vocab"));
  STRATA_RETURN_IF_ERROR(ReadScoredVocabulary(vocab, spec, ids));
  STRATA_ASSIGN_OR_RETURN(const JsonView unknown, model.Member("unk_id"));
  if (!unknown.IsNull()) {
    STRATA_ASSIGN_OR_RETURN(spec->unknown, unknown.Id());
    if (static_cast<size_t>(*spec->unknown) >= spec->tokens.size())
      return unknown.Invalid(
          absl::StrCat(*spec->unknown, " is outside the vocabulary of ", spec->tokens.size()));
    // A character unknown to the model is not one that spells this token.
    spec->tokens[*spec->unknown].literal = true;
  }
  if (unigram.byte_fallback) ReserveByteTokens(spec);
  spec->model = unigram;
  return absl::OkStatus();
}

absl::Status ReadWordPiece(const JsonView& model, Ids* ids, TokenizerSpec* spec) {
  WordPieceSpec wordpiece;
  STRATA_ASSIGN_OR_RETURN(wordpiece.continuing_prefix,
                          model.StringMember("continuing_subword_prefix", "##"));
  STRATA_ASSIGN_OR_RETURN(wordpiece.max_characters,
                          model.IdMember("max_input_chars_per_word", 100));
  STRATA_ASSIGN_OR_RETURN(const JsonView vocab, model.Member("vocab"));
  STRATA_RETURN_IF_ERROR(ReadVocabulary(vocab, spec, ids));
  STRATA_RETURN_IF_ERROR(ReadUnknown(model, *ids, spec));
  spec->model = std::move(wordpiece);
  return absl::OkStatus();
}

absl::Status ReadWordLevel(const JsonView& model, Ids* ids, TokenizerSpec* spec) {
  STRATA_ASSIGN_OR_RETURN(const JsonView vocab, model.Member("vocab"));
  STRATA_RETURN_IF_ERROR(ReadVocabulary(vocab, spec, ids));
  // The format demands a name; only a token of that name is one.
  STRATA_ASSIGN_OR_RETURN(const std::string unknown, model.StringMember("unk_token", ""));
  const auto it = ids->find(unknown);
  if (it != ids->end()) spec->unknown = it->second;
  spec->model = WordLevelSpec();
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRange(const JsonView& where, int32_t id, size_t tokens) {
  if (static_cast<size_t>(id) < 2 * tokens + 4096) return absl::OkStatus();
  return where.Invalid(
      absl::StrCat("id ", id, " is far beyond the ", tokens, " tokens of the vocabulary"));
}

absl::Status ReadModel(const JsonView& model, Ids* ids, TokenizerSpec* spec) {
  STRATA_ASSIGN_OR_RETURN(const std::string type, model.StringMember("type", "BPE"));
  STRATA_ASSIGN_OR_RETURN(const JsonView member, model.Member("type"));
  if (type == "BPE") return ReadBpe(model, ids, spec);
  if (type != "Unigram" && type != "WordPiece" && type != "WordLevel") {
    return member.Unsupported(
        absl::StrCat("'", type, "' is not supported; only BPE, Unigram, WordPiece, WordLevel"));
  }
  if (spec->byte_level) {
    return member.Unsupported(absl::StrCat(
        "'", type, "' behind a pre-tokenizer ByteLevel is not supported; only BPE is"));
  }
  if (type == "WordLevel") return ReadWordLevel(model, ids, spec);
  return type == "Unigram" ? ReadUnigram(model, ids, spec) : ReadWordPiece(model, ids, spec);
}

}  // namespace strata::llm::internal
