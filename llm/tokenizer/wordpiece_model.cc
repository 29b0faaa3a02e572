#include "llm/tokenizer/wordpiece_model.h"

#include "absl/strings/match.h"

namespace strata::llm {

absl::StatusOr<WordPieceModel> WordPieceModel::Create(const TokenizerSpec& spec) {
  const WordPieceSpec& wordpiece = std::get<WordPieceSpec>(spec.model);
  if (spec.byte_level)
    return absl::InvalidArgumentError("WordPiece works on characters; it cannot be byte-level");
  STRATA_ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::Create(spec));
  WordPieceModel model(std::move(vocabulary));
  model.max_characters_ = wordpiece.max_characters;
  model.unknown_ = spec.unknown;
  const absl::string_view prefix = wordpiece.continuing_prefix;
  std::vector<std::pair<absl::string_view, int32_t>> first, rest;
  for (size_t i = 0; i < spec.tokens.size(); ++i) {
    const absl::string_view text = spec.tokens[i].bytes;
    const int32_t id = static_cast<int32_t>(i);
    if (text.empty() || spec.tokens[i].literal) continue;
    first.emplace_back(text, id);  // "##" itself may be written in a text
    if (absl::StartsWith(text, prefix) && text.size() > prefix.size())
      rest.emplace_back(text.substr(prefix.size()), id);
  }
  model.first_ = ByteTrie(std::move(first));
  model.rest_ = ByteTrie(std::move(rest));
  return model;
}

bool WordPieceModel::Cut(absl::string_view piece, std::vector<int32_t>* ids) const {
  int32_t characters = 0;
  for (size_t i = 0; i < piece.size(); i += CharacterSize(piece.substr(i))) ++characters;
  if (characters > max_characters_) return false;
  for (bool start = true; !piece.empty(); start = false) {
    const ByteTrie::Match match = (start ? first_ : rest_).Longest(piece);
    if (match.size == 0) return false;
    ids->push_back(match.value);
    piece.remove_prefix(match.size);
  }
  return true;
}

void WordPieceModel::Encode(absl::string_view piece, std::vector<int32_t>* ids) const {
  const size_t before = ids->size();
  if (Cut(piece, ids)) return;
  ids->resize(before);
  if (unknown_.has_value()) ids->push_back(*unknown_);
}

}  // namespace strata::llm
