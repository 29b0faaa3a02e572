// The Unigram model of SentencePiece (Kudo 2018, "Subword Regularization"): of all ways to spell a
// piece as tokens, the one with the greatest sum of scores (log probabilities), found by dynamic
// programming over positions. A character that no token starts with alone may also be unknown, at a
// score 10 below the worst token's; of equal sums the path found first wins, which prefers a last
// token that starts earlier and, at one start, is shorter.
#ifndef STRATA_LLM_TOKENIZER_UNIGRAM_MODEL_H_
#define STRATA_LLM_TOKENIZER_UNIGRAM_MODEL_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/byte_trie.h"
#include "llm/tokenizer/tokenizer_model.h"
#include "llm/tokenizer/tokenizer_spec.h"
#include "llm/tokenizer/vocabulary.h"

namespace strata::llm {

class UnigramModel : public TokenizerModel {
 public:
  static constexpr double kUnknownPenalty = 10.0;

  // `spec.model` is a UnigramSpec. INVALID_ARGUMENT for equal tokens, a score that is no finite
  // number, a vocabulary of bytes.
  static absl::StatusOr<UnigramModel> Create(const TokenizerSpec& spec);

  void Encode(absl::string_view piece, std::vector<int32_t>* ids) const override;
  std::optional<int32_t> Find(absl::string_view bytes) const override {
    return vocabulary_.Find(bytes);
  }

 private:
  static constexpr int32_t kUnknownId = -1;

  // The best way to spell the text up to a position ends with this token.
  struct Step {
    double score;
    size_t begin;
    int32_t id;  // kUnknownId: one unknown character
  };

  explicit UnigramModel(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  // steps[i], i in [1, size]: of the text up to i.
  void FindBest(absl::string_view piece, std::vector<Step>* steps) const;
  void AppendUnknown(absl::string_view text, std::vector<int32_t>* ids) const;

  Vocabulary vocabulary_;
  ByteTrie trie_;
  std::vector<double> scores_;
  double unknown_score_ = -kUnknownPenalty;
  bool fuse_unknown_ = true;
  std::optional<int32_t> unknown_;
  std::vector<int32_t> fallback_;  // by byte, or empty
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_UNIGRAM_MODEL_H_
