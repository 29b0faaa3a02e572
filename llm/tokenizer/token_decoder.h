// Tokens to text: what each token spells, in the middle of a text and at its start.
//
//   STRATA_ASSIGN_OR_RETURN(TokenDecoder decoder, TokenDecoder::Create(spec));
//   decoder.Middle(id)   // " Hello" for SentencePiece's "\u2581Hello"
//   decoder.First(id)    // "Hello"
//
// All the decoders that files have work on one token at a time but for what they do at the start and
// the end of a text, so a text can be decoded as it comes. Immutable and safe to share between threads.
#ifndef STRATA_LLM_TOKENIZER_TOKEN_DECODER_H_
#define STRATA_LLM_TOKENIZER_TOKEN_DECODER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

class TokenDecoder {
 public:
  // INVALID_ARGUMENT for malformed steps and UNIMPLEMENTED for those that need more of a text than a
  // token; they name the step: "[1]: ...".
  static absl::StatusOr<TokenDecoder> Create(const TokenizerSpec& spec);

  // Of a token whose id is in the vocabulary.
  const std::string& Middle(int32_t id) const { return middle_[id]; }
  std::string First(int32_t id) const;
  // Of the last token of a text, which may be the first too.
  std::string Last(int32_t id, bool first) const;

 private:
  // Where a token stands in its text.
  struct Place {
    bool first = false;
    bool last = false;
  };
  using Step = std::function<std::string(absl::string_view text, Place place)>;

  absl::Status AddStep(const DecoderStep& step, bool fused);
  std::string Spell(int32_t id, Place place) const;

  std::vector<Step> text_steps_;   // not for control marks, which are written as they are
  std::vector<Step> joint_steps_;  // for all: what stands between tokens
  std::vector<std::string> raw_;
  std::vector<bool> special_;
  std::vector<std::string> middle_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_TOKEN_DECODER_H_
