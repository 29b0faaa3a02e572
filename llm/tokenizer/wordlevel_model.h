// WordLevel: a piece is a token as it stands, or unknown. The pre-tokenizer does all the work.
#ifndef STRATA_LLM_TOKENIZER_WORDLEVEL_MODEL_H_
#define STRATA_LLM_TOKENIZER_WORDLEVEL_MODEL_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/tokenizer_model.h"
#include "llm/tokenizer/tokenizer_spec.h"
#include "llm/tokenizer/vocabulary.h"

namespace strata::llm {

class WordLevelModel : public TokenizerModel {
 public:
  // `spec.model` is a WordLevelSpec. INVALID_ARGUMENT for equal tokens, a vocabulary of bytes.
  static absl::StatusOr<WordLevelModel> Create(const TokenizerSpec& spec);

  void Encode(absl::string_view piece, std::vector<int32_t>* ids) const override;
  std::optional<int32_t> Find(absl::string_view bytes) const override {
    return vocabulary_.Find(bytes);
  }

 private:
  WordLevelModel(Vocabulary vocabulary, std::optional<int32_t> unknown)
      : vocabulary_(std::move(vocabulary)), unknown_(unknown) {}

  Vocabulary vocabulary_;
  std::optional<int32_t> unknown_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_WORDLEVEL_MODEL_H_
