// TokenizerModel: the part of a tokenizer that turns a piece of text into ids. One class a kind:
// BpeModel, UnigramModel, WordPieceModel, WordLevelModel; MakeTokenizerModel() (make_model.h) makes
// the right one.
#ifndef STRATA_LLM_TOKENIZER_TOKENIZER_MODEL_H_
#define STRATA_LLM_TOKENIZER_TOKENIZER_MODEL_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata::llm {

// Immutable and safe to share between threads.
class TokenizerModel {
 public:
  virtual ~TokenizerModel() = default;

  // Appends the ids of `piece`, any bytes. They depend on nothing but the piece.
  virtual void Encode(absl::string_view piece, std::vector<int32_t>* ids) const = 0;

  // The token of exactly these bytes that the model can make.
  virtual std::optional<int32_t> Find(absl::string_view bytes) const = 0;

  // A character before which a piece may be cut unless the same character is before it: no token
  // reaches across. Empty when there is none. "\u2581" in most vocabularies of SentencePiece.
  virtual absl::string_view WordMark() const { return ""; }
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_TOKENIZER_MODEL_H_
