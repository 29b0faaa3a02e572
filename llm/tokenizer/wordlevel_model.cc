#include "llm/tokenizer/wordlevel_model.h"

namespace strata::llm {

absl::StatusOr<WordLevelModel> WordLevelModel::Create(const TokenizerSpec& spec) {
  if (spec.byte_level)
    return absl::InvalidArgumentError("WordLevel works on texts; it cannot be byte-level");
  STRATA_ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::Create(spec));
  return WordLevelModel(std::move(vocabulary), spec.unknown);
}

void WordLevelModel::Encode(absl::string_view piece, std::vector<int32_t>* ids) const {
  std::optional<int32_t> id = vocabulary_.Find(piece);
  if (!id.has_value()) id = unknown_;
  if (id.has_value()) ids->push_back(*id);
}

}  // namespace strata::llm
