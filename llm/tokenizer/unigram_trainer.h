// Learns a Unigram vocabulary from text (Kudo 2018, "Subword Regularization"), as SentencePiece does.
//
//   STRATA_ASSIGN_OR_RETURN(TokenizerSpec spec, TrainUnigram(text, {.vocab_size = 8000}));
//   STRATA_ASSIGN_OR_RETURN(auto tokenizer, TextTokenizer::Create(std::move(spec)));
//
// Tokens are drawn independently; a word is the sum over all ways to spell it. From many seeds (all
// characters, and the substrings of words with the greatest frequency times length) rounds of EM make
// the corpus likelier, and between them the tokens are dropped whose loss would make it least less
// likely: a token's loss is what its places in the best spellings lose when its own second best
// spelling stands in. Characters are never dropped. The result depends on nothing but text and
// options; ids are special tokens, then tokens by falling score.
#ifndef STRATA_LLM_TOKENIZER_UNIGRAM_TRAINER_H_
#define STRATA_LLM_TOKENIZER_UNIGRAM_TRAINER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

struct UnigramTrainerOptions {
  int vocab_size = 8000;    // at least the text's characters and the special tokens; less comes out
                            // when the text has fewer substrings
  int seed_size = 1000000;  // substrings to begin with
  int max_characters = 16;  // of a token
  int em_rounds = 2;        // between two droppings, and at the end
  double shrink = 0.75;     // of the tokens that one dropping keeps, in (0, 1)
  std::vector<std::string> special_tokens = {"<unk>", "</s>"};  // the unknown one, eos, others
  std::vector<Normalization> normalizers = {};
  std::vector<PreTokenizerStep> pre_tokenizer = {
      PlainStep(PreTokenizerStep::Kind::kMetaspace)};  // its mark is taken off by the decoder
};

// INVALID_ARGUMENT with the option at fault, or for a corpus that is empty or not UTF-8.
absl::StatusOr<TokenizerSpec> TrainUnigram(absl::string_view corpus,
                                           const UnigramTrainerOptions& options);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_UNIGRAM_TRAINER_H_
