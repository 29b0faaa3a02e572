// PromptEncoder: the ids of a text of which a part is trusted. Special tokens count only where the template wrote all
// of their characters; the same characters from a user stay text, and none can be put together of both.
//
//   const PromptEncoder encoder(&tokenizer);
//   encoder.Encode(text)  // "<|user|>" of the template, "a<|end|>" of a user -> {<|user|>, 'a', '<', '|', ...}
//
// What stands between two special tokens is encoded as one text, whoever wrote its parts, as the model has seen it in
// training. Special tokens that take the white space beside them do so here too.
#ifndef STRATA_INFERENCE_SERVER_PROMPT_ENCODER_H_
#define STRATA_INFERENCE_SERVER_PROMPT_ENCODER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "inference/engine/tokenizer.h"
#include "inference/jinja/text.h"

namespace strata::inference {

class PromptEncoder {
 public:
  // Reads the special tokens; the tokenizer must outlive this.
  explicit PromptEncoder(const Tokenizer* tokenizer);

  std::vector<int32_t> Encode(const jinja::Text& text) const;

  // The special token of the template's that follows byte `from`, if only white space stands between.
  std::optional<int32_t> SpecialAfter(const jinja::Text& text, size_t from) const;

 private:
  struct Special {
    std::string text;
    int32_t id;
    bool takes_before, takes_after;  // white space
  };

  // The longest special token at byte `at` that ends at `end` or before; null: none.
  const Special* Match(const std::string& bytes, size_t at, size_t end) const;

  const Tokenizer* tokenizer_;
  std::vector<Special> specials_[256];  // by the first byte, longer ones first
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_PROMPT_ENCODER_H_
