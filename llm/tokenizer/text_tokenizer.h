// The tokenizer of language models: byte-level BPE (GPT-2, Llama 3, Qwen), SentencePiece's BPE
// (Llama 2, Mistral, Gemma) and Unigram (T5), WordPiece (BERT), whole words.
//
//   STRATA_ASSIGN_OR_RETURN(std::unique_ptr<TextTokenizer> tokenizer,
//                           LoadTokenizer("model/tokenizer.json"));
//   std::vector<int32_t> ids = tokenizer->Encode("Hello world");
//   tokenizer->Decode(ids) == "Hello world"
//
// The road of a text: added tokens are cut out, the rest is normalised (Normalizer), cut into pieces
// (PreTokenizer), and each piece becomes ids (TokenizerModel); ids of short pieces are kept in a
// cache of fixed size. Byte-level, Decode(Encode(x)) == x for all bytes x, unless a normaliser, a
// removing split, a prefix space or a vocabulary without all 256 bytes is in the way.
#ifndef STRATA_LLM_TOKENIZER_TEXT_TOKENIZER_H_
#define STRATA_LLM_TOKENIZER_TEXT_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "inference/engine/tokenizer.h"
#include "llm/tokenizer/added_tokens.h"
#include "llm/tokenizer/normalizer.h"
#include "llm/tokenizer/piece_cache.h"
#include "llm/tokenizer/pre_tokenizer.h"
#include "llm/tokenizer/token_decoder.h"
#include "llm/tokenizer/tokenizer_model.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

class TextTokenizer : public inference::Tokenizer {
 public:
  // Checks the whole spec; INVALID_ARGUMENT with the path to the fault.
  static absl::StatusOr<std::unique_ptr<TextTokenizer>> Create(TokenizerSpec spec);

  std::vector<int32_t> Encode(absl::string_view text) const override;
  std::vector<int32_t> EncodeOrdinary(absl::string_view text) const override;
  std::vector<int32_t> EncodeParts(absl::Span<const inference::TextPart> parts) const override;
  std::string Decode(absl::Span<const int32_t> ids) const override;
  std::string TokenBytes(int32_t id) const override;
  std::string FirstTokenBytes(int32_t id) const override;
  std::optional<int32_t> TokenId(absl::string_view bytes) const override;
  int vocab_size() const override { return static_cast<int>(spec_.tokens.size()); }
  std::optional<int32_t> bos() const override;
  std::optional<int32_t> eos() const override { return spec_.eos; }
  bool IsSpecial(int32_t id) const override;

  const TokenizerSpec& spec() const { return spec_; }

 private:
  struct Parts {
    std::unique_ptr<TokenizerModel> model;
    Normalizer normalizer;
    PreTokenizer pre_tokenizer;
    TokenDecoder decoder;
  };

  TextTokenizer(TokenizerSpec spec, Parts parts);

  std::vector<int32_t> EncodeWith(absl::string_view text, const AddedTokenMatcher& raw,
                                  const AddedTokenMatcher& normalized,
                                  AddedTokenMatcher::Filter accept) const;
  // Cuts a normalised text and appends its ids. `first`: nothing is before it.
  void EncodeText(absl::string_view text, bool first, PieceCache* cache,
                  std::vector<int32_t>* ids) const;
  void EncodePiece(absl::string_view piece, PieceCache* cache, std::vector<int32_t>* ids) const;

  std::unique_ptr<PieceCache> TakeCache() const;
  void GiveBack(std::unique_ptr<PieceCache> cache) const;

  TokenizerSpec spec_;
  Parts parts_;
  // Looked for before and after normalisation; the ordinary ones are without the special tokens.
  AddedTokenMatcher raw_, normalized_, ordinary_raw_, ordinary_normalized_;
  AddedTokenMatcher all_raw_;  // for texts of parts
  absl::flat_hash_map<std::string, int32_t> added_ids_;
  std::vector<bool> special_;
  mutable absl::Mutex mutex_;
  mutable std::vector<std::unique_ptr<PieceCache>> caches_ ABSL_GUARDED_BY(mutex_);  // not in use
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_TEXT_TOKENIZER_H_
