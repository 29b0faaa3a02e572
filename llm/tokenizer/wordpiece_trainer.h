// Learns a WordPiece vocabulary from text (Schuster and Nakajima 2012), for BERT's model.
//
//   STRATA_ASSIGN_OR_RETURN(TokenizerSpec spec, TrainWordPiece(text, {.vocab_size = 8000}));
//   STRATA_ASSIGN_OR_RETURN(auto tokenizer, TextTokenizer::Create(std::move(spec)));
//
// Words begin as characters ("h", "##u", "##g"). Again and again one pair of neighbours becomes a
// token: the one that makes the corpus likelier by the most, count(ab) / (count(a) count(b)), of equal
// ones that with the lowest ids. Ids are special tokens, characters in the order of their bytes, then
// the pairs made. The result depends on nothing but text and options.
#ifndef STRATA_LLM_TOKENIZER_WORDPIECE_TRAINER_H_
#define STRATA_LLM_TOKENIZER_WORDPIECE_TRAINER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

struct WordPieceTrainerOptions {
  int vocab_size = 8000;  // at least the text's characters and the special tokens; less comes out
                          // when there is nothing left to merge
  int64_t min_frequency = 2;  // a rarer pair is not merged; >= 1
  std::string continuing_prefix = "##";
  // [UNK] stands for unknown words, [CLS] and [SEP] around a text, where they are listed.
  std::vector<std::string> special_tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  std::vector<Normalization> normalizers = {BertNormalization()};
  std::vector<PreTokenizerStep> pre_tokenizer = {PlainStep(PreTokenizerStep::Kind::kBert)};
};

// INVALID_ARGUMENT with the option at fault, or for a corpus that is empty or not UTF-8.
absl::StatusOr<TokenizerSpec> TrainWordPiece(absl::string_view corpus,
                                             const WordPieceTrainerOptions& options);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_WORDPIECE_TRAINER_H_
