// Byte pair encoding: turns one piece of text into ids by merging neighbours.
//
// A piece starts as one token a byte (byte-level) or a character; then the two neighbours with the
// best merge (lowest rank, leftmost of equals) become one, until no neighbours have a merge. Short
// pieces are searched for the best merge each time; long ones keep a heap over a linked list, which
// is O(n log n) for n symbols. SentencePiece's BPE, which has scores of tokens instead of a list of
// merges, is the same with ranks by score; equal scores have equal ranks.
#ifndef STRATA_LLM_TOKENIZER_BPE_MODEL_H_
#define STRATA_LLM_TOKENIZER_BPE_MODEL_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/merge_table.h"
#include "llm/tokenizer/tokenizer_model.h"
#include "llm/tokenizer/tokenizer_spec.h"
#include "llm/tokenizer/vocabulary.h"

namespace strata::llm {

class BpeModel : public TokenizerModel {
 public:
  // `spec.model` is a BpeSpec. INVALID_ARGUMENT with the path to the fault: a merge of or to a token
  // that there is not, two tokens of the same bytes, the same merge twice.
  static absl::StatusOr<BpeModel> Create(const TokenizerSpec& spec);

  void Encode(absl::string_view piece, std::vector<int32_t>* ids) const override;
  std::optional<int32_t> Find(absl::string_view bytes) const override {
    return vocabulary_.Find(bytes);
  }
  absl::string_view WordMark() const override { return word_mark_; }

 private:
  explicit BpeModel(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  absl::Status AddMerges(const TokenizerSpec& spec, const BpeSpec& bpe);
  void AddMergesByScore(const TokenizerSpec& spec);
  void FindWordMark(const TokenizerSpec& spec, const BpeSpec& bpe);

  // The tokens that a piece starts as.
  void AppendSymbols(absl::string_view piece, std::vector<int32_t>* symbols) const;
  std::optional<int32_t> FindCharacter(absl::string_view character, bool first, bool last) const;
  // What an unknown character becomes; `again`: right after one that became the unknown token.
  bool AppendUnknown(absl::string_view character, bool again, std::vector<int32_t>* symbols) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  bool byte_level_ = true;
  std::array<int32_t, 256> byte_ids_;  // tokens of one byte; -1: none
  bool ignore_merges_ = false;
  bool fuse_unknown_ = false;
  std::optional<int32_t> unknown_;
  std::vector<int32_t> fallback_;  // by byte, or empty
  std::string continuing_prefix_;
  std::string word_suffix_;
  std::string word_mark_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_BPE_MODEL_H_
