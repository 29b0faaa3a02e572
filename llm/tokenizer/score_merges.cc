#include "llm/tokenizer/score_merges.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

namespace strata::llm {
namespace {

// Ranks of tokens that can be made, by score: the best score is 0, equal ones are equal.
std::vector<uint32_t> RanksByScore(const TokenizerSpec& spec) {
  std::map<double, uint32_t, std::greater<double>> ranks;
  for (const Token& token : spec.tokens) {
    if (!token.bytes.empty() && !token.literal) ranks[token.score] = 0;
  }
  uint32_t next = 0;
  for (auto& [score, rank] : ranks) rank = next++;
  std::vector<uint32_t> by_token(spec.tokens.size(), 0);
  for (size_t i = 0; i < spec.tokens.size(); ++i) {
    const auto it = ranks.find(spec.tokens[i].score);
    if (it != ranks.end()) by_token[i] = it->second;
  }
  return by_token;
}

}  // namespace

std::vector<ScoreMerge> MergesByScore(const TokenizerSpec& spec, const Vocabulary& vocabulary) {
  const std::vector<uint32_t> ranks = RanksByScore(spec);
  std::vector<ScoreMerge> merges;
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    const absl::string_view text = spec.tokens[id].bytes;
    if (spec.tokens[id].literal) continue;
    for (size_t cut = CharacterSize(text); cut < text.size();
         cut += CharacterSize(text.substr(cut))) {
      const std::optional<int32_t> left = vocabulary.Find(text.substr(0, cut));
      if (!left.has_value()) continue;
      const std::optional<int32_t> right = vocabulary.Find(text.substr(cut));
      if (right.has_value())
        merges.push_back({*left, *right, {ranks[id], static_cast<int32_t>(id)}});
    }
  }
  std::stable_sort(merges.begin(), merges.end(), [](const ScoreMerge& a, const ScoreMerge& b) {
    return a.merge.rank < b.merge.rank;
  });
  return merges;
}

}  // namespace strata::llm
