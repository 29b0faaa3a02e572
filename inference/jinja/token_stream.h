// TokenStream: the parser's view of the tokens; a part of the parser.
#ifndef STRATA_INFERENCE_JINJA_TOKEN_STREAM_H_
#define STRATA_INFERENCE_JINJA_TOKEN_STREAM_H_

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "inference/jinja/lexer.h"

namespace strata::inference::jinja {

class TokenStream {
 public:
  // `tokens` end with kEnd.
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  // The last token stays.
  Token Next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }

  bool Is(TokenKind kind) const { return current().kind == kind; }
  bool IsOperator(absl::string_view symbol) const {
    return Is(TokenKind::kOperator) && current().text == symbol;
  }
  bool IsWord(absl::string_view word) const {
    return Is(TokenKind::kName) && current().text == word;
  }
  bool SkipOperator(absl::string_view symbol) { return IsOperator(symbol) && (Next(), true); }
  bool SkipWord(absl::string_view word) { return IsWord(word) && (Next(), true); }

  absl::Status ExpectOperator(absl::string_view symbol) {
    return SkipOperator(symbol) ? absl::OkStatus() : Unexpected(absl::StrCat("'", symbol, "'"));
  }
  absl::Status ExpectWord(absl::string_view word) {
    return SkipWord(word) ? absl::OkStatus() : Unexpected(absl::StrCat("'", word, "'"));
  }
  absl::Status Expect(TokenKind kind, absl::string_view what) {
    if (!Is(kind)) return Unexpected(what);
    Next();
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> ExpectName(absl::string_view what) {
    if (!Is(TokenKind::kName)) return Unexpected(what);
    return Next().text;
  }

  // The error that `what` was expected here.
  absl::Status Unexpected(absl::string_view what) const {
    const Token& token = current();
    const std::string found = token.kind == TokenKind::kEnd    ? "the end of the template"
                              : token.kind == TokenKind::kText ? "text"
                                                               : absl::StrCat("'", token.text, "'");
    return SyntaxError(token.at, absl::StrCat("expected ", what, ", found ", found));
  }

 private:
  const std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_TOKEN_STREAM_H_
