// WordPiece, BERT's model: the longest token that fits at the start of a piece, then the longest
// continuation ("##ing") that fits there, and so on. When nothing fits, or the piece is too long, the
// whole piece is unknown.
#ifndef STRATA_LLM_TOKENIZER_WORDPIECE_MODEL_H_
#define STRATA_LLM_TOKENIZER_WORDPIECE_MODEL_H_

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

class WordPieceModel : public TokenizerModel {
 public:
  // `spec.model` is a WordPieceSpec. INVALID_ARGUMENT for equal tokens, a vocabulary of bytes.
  static absl::StatusOr<WordPieceModel> Create(const TokenizerSpec& spec);

  void Encode(absl::string_view piece, std::vector<int32_t>* ids) const override;
  std::optional<int32_t> Find(absl::string_view bytes) const override {
    return vocabulary_.Find(bytes);
  }

 private:
  explicit WordPieceModel(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  // False when the piece does not come out.
  bool Cut(absl::string_view piece, std::vector<int32_t>* ids) const;

  Vocabulary vocabulary_;
  ByteTrie first_;
  ByteTrie rest_;  // continuations, without their prefix
  int32_t max_characters_ = 100;
  std::optional<int32_t> unknown_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_WORDPIECE_MODEL_H_
