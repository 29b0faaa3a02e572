#include "llm/tokenizer/make_model.h"

#include <utility>

#include "llm/tokenizer/bpe_model.h"
#include "llm/tokenizer/unigram_model.h"
#include "llm/tokenizer/wordlevel_model.h"
#include "llm/tokenizer/wordpiece_model.h"

namespace strata::llm {
namespace {

template <typename Model>
absl::StatusOr<std::unique_ptr<TokenizerModel>> Make(const TokenizerSpec& spec) {
  STRATA_ASSIGN_OR_RETURN(Model model, Model::Create(spec));
  return std::unique_ptr<TokenizerModel>(std::make_unique<Model>(std::move(model)));
}

struct MakeOf {
  const TokenizerSpec& spec;

  auto operator()(const BpeSpec&) const { return Make<BpeModel>(spec); }
  auto operator()(const UnigramSpec&) const { return Make<UnigramModel>(spec); }
  auto operator()(const WordPieceSpec&) const { return Make<WordPieceModel>(spec); }
  auto operator()(const WordLevelSpec&) const { return Make<WordLevelModel>(spec); }
};

}  // namespace

absl::StatusOr<std::unique_ptr<TokenizerModel>> MakeTokenizerModel(const TokenizerSpec& spec) {
  return std::visit(MakeOf{spec}, spec.model);
}

}  // namespace strata::llm
