// Learns a byte-level BPE vocabulary from text.
//
//   BpeTrainer trainer({.vocab_size = 4096});
//   trainer.Add(text);                                            // any number of times
//   STRATA_ASSIGN_OR_RETURN(TokenizerSpec spec, trainer.Train());
//   STRATA_ASSIGN_OR_RETURN(auto tokenizer, TextTokenizer::Create(std::move(spec)));
//
// The definition: of all pairs of neighbours, weighted by how often their piece occurs in the text,
// the most frequent one becomes a token; of equally frequent ones that with the lowest ids (left,
// then right). Repeat. Ids are as in GPT-2: 256 bytes, then merges in order, then special tokens.
// The result depends on nothing but text and options.
//
// How it is fast: each distinct piece is kept once with its count; a merge touches only the pieces
// that have the pair, and only the pairs around it change their counts; a heap with outdated
// entries finds the next best.
#ifndef STRATA_LLM_TOKENIZER_BPE_TRAINER_H_
#define STRATA_LLM_TOKENIZER_BPE_TRAINER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/text_tokenizer.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

struct BpeTrainerOptions {
  int vocab_size = 4096;      // at least 256 and the special tokens; less comes out when there is
                              // nothing left to merge
  int64_t min_frequency = 2;  // a pair less frequent than this is not merged; >= 1
  std::vector<std::string> special_tokens = {
      "<|endoftext|>"};  // never learned from; the first one becomes eos
  std::vector<PreTokenizerStep> pre_tokenizer = {PreTokenizerStep()};  // GPT-2's
};

class BpeTrainer {
 public:
  explicit BpeTrainer(BpeTrainerOptions options = {}) : options_(std::move(options)) {}

  // Counts the pieces of the text. Errors are those of the options.
  absl::Status Add(absl::string_view text);

  // INVALID_ARGUMENT for options that make no sense. Can be called again after more text.
  absl::StatusOr<TokenizerSpec> Train() const;

 private:
  absl::Status CheckOptions() const;

  BpeTrainerOptions options_;
  absl::flat_hash_map<std::string, int64_t> counts_;  // of pieces
};

// All at once, with the gate of CheckCorpus() before it.
absl::StatusOr<std::unique_ptr<TextTokenizer>> TrainTokenizer(absl::string_view corpus,
                                                              BpeTrainerOptions options = {});

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_BPE_TRAINER_H_
