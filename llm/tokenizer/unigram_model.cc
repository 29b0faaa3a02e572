#include "llm/tokenizer/unigram_model.h"

#include <algorithm>
#include <cmath>

namespace strata::llm {

absl::StatusOr<UnigramModel> UnigramModel::Create(const TokenizerSpec& spec) {
  const UnigramSpec& unigram = std::get<UnigramSpec>(spec.model);
  if (spec.byte_level)
    return absl::InvalidArgumentError("Unigram works on characters; it cannot be byte-level");
  STRATA_ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::Create(spec));
  UnigramModel model(std::move(vocabulary));
  model.fuse_unknown_ = unigram.fuse_unknown;
  model.unknown_ = spec.unknown;
  if (unigram.byte_fallback) model.fallback_ = ByteTokens(spec);
  std::vector<std::pair<absl::string_view, int32_t>> entries;
  double worst = 0;
  bool any = false;
  for (size_t i = 0; i < spec.tokens.size(); ++i) {
    const Token& token = spec.tokens[i];
    if (!std::isfinite(token.score))
      return absl::InvalidArgumentError(
          absl::StrCat("vocab: the score of '", token.bytes, "' (id ", i, ") is no finite number"));
    model.scores_.push_back(token.score);
    if (token.bytes.empty()) continue;
    worst = any ? std::min(worst, token.score) : token.score;
    any = true;
    if (!token.literal) entries.emplace_back(token.bytes, static_cast<int32_t>(i));
  }
  model.unknown_score_ = worst - kUnknownPenalty;
  model.trie_ = ByteTrie(std::move(entries));
  return model;
}

void UnigramModel::FindBest(absl::string_view piece, std::vector<Step>* steps) const {
  constexpr size_t kNone = SIZE_MAX;
  steps->assign(piece.size() + 1, {0, kNone, kUnknownId});
  const auto offer = [&](size_t begin, size_t end, double score, int32_t id) {
    Step& step = (*steps)[end];
    if (step.begin == kNone || score > step.score) step = {score, begin, id};
  };
  for (size_t begin = 0; begin < piece.size();) {
    const size_t character = CharacterSize(piece.substr(begin));
    const double before = (*steps)[begin].score;
    bool alone = false;
    trie_.ForEachPrefix(piece.substr(begin), [&](size_t size, int32_t id) {
      offer(begin, begin + size, before + scores_[id], id);
      alone |= size == character;
    });
    if (!alone) offer(begin, begin + character, before + unknown_score_, kUnknownId);
    begin += character;
  }
}

void UnigramModel::AppendUnknown(absl::string_view text, std::vector<int32_t>* ids) const {
  const bool fall_back =
      !fallback_.empty() && std::all_of(text.begin(), text.end(), [&](char byte) {
        return fallback_[static_cast<uint8_t>(byte)] >= 0;
      });
  if (fall_back) {
    for (char byte : text) ids->push_back(fallback_[static_cast<uint8_t>(byte)]);
  } else if (unknown_.has_value()) {
    ids->push_back(*unknown_);
  }
}

void UnigramModel::Encode(absl::string_view piece, std::vector<int32_t>* ids) const {
  thread_local std::vector<Step> steps;
  thread_local std::vector<size_t> ends;  // of the tokens on the best path, last first
  FindBest(piece, &steps);
  ends.clear();
  for (size_t end = piece.size(); end > 0; end = steps[end].begin) ends.push_back(end);
  for (size_t i = ends.size(); i-- > 0;) {
    const size_t begin = steps[ends[i]].begin;
    if (steps[ends[i]].id != kUnknownId) {
      ids->push_back(steps[ends[i]].id);
      continue;
    }
    while (fuse_unknown_ && i > 0 && steps[ends[i - 1]].id == kUnknownId) --i;
    AppendUnknown(piece.substr(begin, ends[i] - begin), ids);
  }
  if (steps.size() > 1 << 20) steps = {};  // one huge piece is no reason to hold memory
}

}  // namespace strata::llm
