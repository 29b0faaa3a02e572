#include "llm/tokenizer/bpe_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "llm/tokenizer/bpe_merging.h"
#include "llm/tokenizer/byte_alphabet.h"
#include "llm/tokenizer/score_merges.h"

namespace strata::llm {
namespace {

constexpr absl::string_view kWordMark = "\u2581";

std::string Printable(const TokenizerSpec& spec, const std::string& bytes) {
  return spec.byte_level ? BytesToAlphabet(bytes) : bytes;
}

bool CanBeMade(const TokenizerSpec& spec, int32_t id) {
  return id >= 0 && static_cast<size_t>(id) < spec.tokens.size() &&
         !spec.tokens[id].bytes.empty() && !spec.tokens[id].literal;
}

// What two tokens become: their bytes, less the mark of a continuation at the joint.
std::string Joined(const TokenizerSpec& spec, const BpeSpec& bpe, int32_t left, int32_t right) {
  absl::string_view tail = spec.tokens[right].bytes;
  if (!bpe.continuing_prefix.empty() && absl::StartsWith(tail, bpe.continuing_prefix))
    tail.remove_prefix(bpe.continuing_prefix.size());
  return absl::StrCat(spec.tokens[left].bytes, tail);
}

}  // namespace

absl::StatusOr<BpeModel> BpeModel::Create(const TokenizerSpec& spec) {
  const BpeSpec& bpe = std::get<BpeSpec>(spec.model);
  STRATA_ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::Create(spec));
  BpeModel model(std::move(vocabulary));
  model.byte_level_ = spec.byte_level;
  model.ignore_merges_ = bpe.ignore_merges;
  model.fuse_unknown_ = bpe.fuse_unknown;
  model.unknown_ = spec.unknown;
  model.continuing_prefix_ = bpe.continuing_prefix;
  model.word_suffix_ = bpe.word_suffix;
  if (bpe.byte_fallback) model.fallback_ = ByteTokens(spec);
  for (int byte = 0; byte < 256; ++byte) {
    model.byte_ids_[byte] = model.Find(std::string(1, static_cast<char>(byte))).value_or(-1);
  }
  if (bpe.merge_by_score) {
    model.AddMergesByScore(spec);
  } else {
    STRATA_RETURN_IF_ERROR(model.AddMerges(spec, bpe));
  }
  model.FindWordMark(spec, bpe);
  return model;
}

absl::Status BpeModel::AddMerges(const TokenizerSpec& spec, const BpeSpec& bpe) {
  merges_ = MergeTable(bpe.merges.size());
  for (size_t rank = 0; rank < bpe.merges.size(); ++rank) {
    const auto [left, right] = bpe.merges[rank];
    const auto invalid = [rank = rank](auto... message) {
      return absl::InvalidArgumentError(absl::StrCat("merges[", rank, "]: ", message...));
    };
    for (int32_t id : {left, right}) {
      if (!CanBeMade(spec, id)) return invalid(id, " is no id of a token of the vocabulary");
    }
    const std::string joined = Joined(spec, bpe, left, right);
    const std::optional<int32_t> result = Find(joined);
    if (!result.has_value())
      return invalid("its result '", Printable(spec, joined), "' is not in the vocabulary");
    if (!merges_.Add(left, right, {static_cast<uint32_t>(rank), *result})) {
      return invalid("the same as merges[", merges_.Find(left, right).rank,
                     "]; a pair has one rank");
    }
  }
  return absl::OkStatus();
}

void BpeModel::AddMergesByScore(const TokenizerSpec& spec) {
  const std::vector<ScoreMerge> found = MergesByScore(spec, vocabulary_);
  merges_ = MergeTable(found.size());
  for (const ScoreMerge& merge : found) merges_.Add(merge.left, merge.right, merge.merge);
}

void BpeModel::FindWordMark(const TokenizerSpec& spec, const BpeSpec& bpe) {
  if (byte_level_ || ignore_merges_ || !continuing_prefix_.empty() || !word_suffix_.empty() ||
      !Find(kWordMark).has_value()) {
    return;
  }
  const auto crosses = [](absl::string_view left, absl::string_view right) {
    return absl::StartsWith(right, kWordMark) && !absl::EndsWith(left, kWordMark);
  };
  for (const auto& [left, right] : bpe.merges) {
    if (crosses(spec.tokens[left].bytes, spec.tokens[right].bytes)) return;
  }
  // Merges by score have no list: any token with a mark inside after another character will do.
  for (const Token& token : spec.tokens) {
    if (!bpe.merge_by_score || token.literal) continue;
    const absl::string_view text = token.bytes;
    for (size_t at = text.find(kWordMark, 1); at != absl::string_view::npos;
         at = text.find(kWordMark, at + 1)) {
      if (crosses(text.substr(0, at), text.substr(at))) return;
    }
  }
  word_mark_ = std::string(kWordMark);
}

std::optional<int32_t> BpeModel::FindCharacter(absl::string_view character, bool first,
                                               bool last) const {
  const bool prefixed = !first && !continuing_prefix_.empty();
  const bool suffixed = last && !word_suffix_.empty();
  if (prefixed || suffixed) {
    return Find(
        absl::StrCat(prefixed ? continuing_prefix_ : "", character, suffixed ? word_suffix_ : ""));
  }
  if (character.size() > 1) return Find(character);
  const int32_t id = byte_ids_[static_cast<uint8_t>(character[0])];
  return id < 0 ? std::nullopt : std::optional<int32_t>(id);
}

bool BpeModel::AppendUnknown(absl::string_view character, bool again,
                             std::vector<int32_t>* symbols) const {
  const bool fall_back =
      !fallback_.empty() && std::all_of(character.begin(), character.end(), [&](char byte) {
        return fallback_[static_cast<uint8_t>(byte)] >= 0;
      });
  if (fall_back) {
    for (char byte : character) symbols->push_back(fallback_[static_cast<uint8_t>(byte)]);
    return false;
  }
  if (unknown_.has_value() && !(again && fuse_unknown_)) symbols->push_back(*unknown_);
  return true;
}

void BpeModel::AppendSymbols(absl::string_view piece, std::vector<int32_t>* symbols) const {
  bool after_unknown = false;
  for (size_t i = 0; i < piece.size();) {
    const size_t size = byte_level_ ? 1 : CharacterSize(piece.substr(i));
    const absl::string_view character = piece.substr(i, size);
    const std::optional<int32_t> id = FindCharacter(character, i == 0, i + size == piece.size());
    if (id.has_value()) {
      symbols->push_back(*id);
      after_unknown = false;
    } else {
      after_unknown = AppendUnknown(character, after_unknown, symbols);
    }
    i += size;
  }
}

void BpeModel::Encode(absl::string_view piece, std::vector<int32_t>* ids) const {
  if (ignore_merges_) {
    if (const std::optional<int32_t> whole = Find(piece); whole.has_value())
      return ids->push_back(*whole);
  }
  const size_t begin = ids->size();
  AppendSymbols(piece, ids);
  MergeTail(merges_, begin, ids);
}

}  // namespace strata::llm
