// Byte-level BPE: the tokenizer of GPT-2, Llama 3, Qwen and most others.
//
//   STRATA_ASSIGN_OR_RETURN(std::unique_ptr<BpeTokenizer> tokenizer,
//   LoadTokenizer("model/tokenizer.json")); std::vector<int32_t> ids = tokenizer->Encode("Hello
//   world"); tokenizer->Decode(ids) == "Hello world"
//
// The road of a text: added tokens are cut out, the rest is normalised, cut into pieces
// (PreTokenizer), and each piece goes through the merges (BpeModel), whose answers are kept in a
// bounded cache. Decode(Encode(x)) == x for all bytes x, unless a normaliser, a removing split, a
// prefix space or a vocabulary without all 256 bytes is in the way.
#ifndef STRATA_LLM_TOKENIZER_BPE_TOKENIZER_H_
#define STRATA_LLM_TOKENIZER_BPE_TOKENIZER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "inference/engine/tokenizer.h"
#include "llm/tokenizer/added_tokens.h"
#include "llm/tokenizer/bpe_model.h"
#include "llm/tokenizer/pre_tokenizer.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

class BpeTokenizer : public inference::Tokenizer {
 public:
  // Checks the whole spec; INVALID_ARGUMENT with the path to the fault.
  static absl::StatusOr<std::unique_ptr<BpeTokenizer>> Create(TokenizerSpec spec);

  std::vector<int32_t> Encode(absl::string_view text) const override;
  std::vector<int32_t> EncodeOrdinary(absl::string_view text) const override;
  std::string Decode(absl::Span<const int32_t> ids) const override;
  std::string TokenBytes(int32_t id) const override;
  std::optional<int32_t> TokenId(absl::string_view bytes) const override;
  int vocab_size() const override { return static_cast<int>(spec_.tokens.size()); }
  std::optional<int32_t> bos() const override;
  std::optional<int32_t> eos() const override { return spec_.eos; }
  bool IsSpecial(int32_t id) const override;

  const TokenizerSpec& spec() const { return spec_; }

 private:
  struct Shard {
    absl::Mutex mutex;
    absl::flat_hash_map<std::string, absl::InlinedVector<int32_t, 4>> pieces ABSL_GUARDED_BY(mutex);
  };

  BpeTokenizer(TokenizerSpec spec, BpeModel model, PreTokenizer pre_tokenizer);

  std::vector<int32_t> EncodeWith(absl::string_view text, bool with_special) const;
  void EncodeText(absl::string_view text, std::vector<int32_t>* ids) const;
  void EncodePiece(absl::string_view piece, std::vector<int32_t>* ids) const;

  TokenizerSpec spec_;
  BpeModel model_;
  PreTokenizer pre_tokenizer_;
  // Looked for before and after normalisation; the ordinary ones are without the special tokens.
  AddedTokenMatcher raw_, normalized_, ordinary_raw_, ordinary_normalized_;
  absl::flat_hash_map<std::string, int32_t> added_ids_;
  std::vector<bool> special_;
  mutable std::array<Shard, 16> cache_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_BPE_TOKENIZER_H_
