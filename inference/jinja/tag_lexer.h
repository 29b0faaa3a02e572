// TagLexer: the tokens inside {{ }} and {% %}; a part of the Lexer.
#ifndef STRATA_INFERENCE_JINJA_TAG_LEXER_H_
#define STRATA_INFERENCE_JINJA_TAG_LEXER_H_

#include <string>
#include <vector>

#include "inference/jinja/lexer.h"

namespace strata::inference::jinja {

struct TagEnd {
  size_t position;  // of the sign, or of the end mark where there is none
  char sign;        // '-', '+' or ' '
};

class TagLexer {
 public:
  // Tokens go to the end of `tokens`; both must outlive this.
  TagLexer(absl::string_view source, std::vector<Token>* tokens);

  // Reads from `inside` to the end of the tag that began at `open`.
  absl::StatusOr<TagEnd> Run(size_t open, size_t inside, bool block);

  Position At(size_t offset) const;

 private:
  // Whether the tag ends here: its mark, with a sign before it maybe.
  bool AtEnd(bool block, TagEnd* end) const;
  absl::Status ReadToken(std::string* open_brackets);
  absl::Status ReadString();
  absl::Status ReadEscape(std::string* text);
  absl::Status ReadNumber();
  absl::Status ReadOperator(std::string* open_brackets);
  void Add(TokenKind kind, size_t begin);

  const absl::string_view source_;
  std::vector<Token>* const tokens_;
  std::vector<size_t> lines_;  // where each begins
  size_t at_ = 0;
};

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_TAG_LEXER_H_
