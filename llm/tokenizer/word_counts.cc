#include "llm/tokenizer/word_counts.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "llm/tokenizer/added_tokens.h"
#include "llm/tokenizer/corpus.h"
#include "llm/tokenizer/normalizer.h"
#include "llm/tokenizer/pre_tokenizer.h"

namespace strata::llm {

absl::StatusOr<WordCounts> CountWords(absl::string_view corpus,
                                      const std::vector<std::string>& special_tokens,
                                      const std::vector<Normalization>& normalizers,
                                      const std::vector<PreTokenizerStep>& pre_tokenizer) {
  STRATA_RETURN_IF_ERROR(CheckCorpus(corpus));
  const std::set<std::string> special(special_tokens.begin(), special_tokens.end());
  if (special.size() != special_tokens.size())
    return absl::InvalidArgumentError("special_tokens: one is there twice");
  if (special.count("") > 0) return absl::InvalidArgumentError("special_tokens: one is empty");
  const absl::StatusOr<Normalizer> normalizer = Normalizer::Create(normalizers);
  STRATA_RETURN_IF_ERROR(Annotate(normalizer.status(), "normalizer"));
  const absl::StatusOr<PreTokenizer> cut = PreTokenizer::Create(pre_tokenizer);
  STRATA_RETURN_IF_ERROR(Annotate(cut.status(), "pre_tokenizer"));

  TokenizerSpec spec;
  PutSpecialTokens(special_tokens, &spec);
  WordCounts counts;
  AddedTokenMatcher(std::move(spec.added))
      .Split(
          corpus,
          [&](absl::string_view part) {
            cut->ForEachPiece(normalizer->Normalize(part),
                              [&](absl::string_view piece) { ++counts[std::string(piece)]; });
          },
          [](int32_t) {});
  return counts;
}

absl::Status CheckApart(const std::vector<std::string>& special_tokens,
                        const std::vector<std::string>& texts) {
  const std::set<std::string> special(special_tokens.begin(), special_tokens.end());
  for (const std::string& text : texts) {
    if (special.count(text) > 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("special_tokens: '", text,
                       "' is made from the text too, when that is normalised; give another mark"));
    }
  }
  return absl::OkStatus();
}

void PutSpecialTokens(const std::vector<std::string>& contents, TokenizerSpec* spec) {
  for (const std::string& content : contents) {
    AddedToken token;
    token.id = static_cast<int32_t>(spec->tokens.size());
    token.content = content;
    spec->added.push_back(std::move(token));
    spec->tokens.push_back({content, /*literal=*/true});
  }
}

}  // namespace strata::llm
