// Tokens of the text form of a graph (text.h), with their places.
#ifndef STRATA_FRAMEWORK_GRAPH_TEXT_LEXER_H_
#define STRATA_FRAMEWORK_GRAPH_TEXT_LEXER_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::graph {

enum class TokenKind {
  kEnd,
  kWord,    // graph, matmul, f32, true; text is the word
  kValue,   // %x; text is "x"
  kNumber,  // -3, 2.5e-1, -inf; text as written
  kString,  // text is the content, unescaped
  kMark,    // one of { } ( ) [ ] , : = @
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  int line = 1;
  int column = 1;
};

// Hands out one token at a time. The text must outlive it.
class Lexer {
 public:
  Lexer(absl::string_view text, absl::string_view where) : text_(text), where_(where) {}

  absl::StatusOr<Token> Next();

  // "where:line:column: message".
  absl::Status ErrorAt(const Token& place, absl::string_view message) const;

 private:
  bool done() const { return at_ >= text_.size(); }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void Advance();
  void SkipBlanks();
  std::string TakeName();
  std::string TakeNumber();
  absl::Status TakeString(Token* token);
  absl::Status TakeEscape(const Token& start, std::string* out);

  absl::string_view text_;
  std::string where_;
  size_t at_ = 0;
  int line_ = 1;
  int column_ = 1;
};

// A string as the lexer reads it back: quoted and escaped.
std::string Quote(absl::string_view text);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_TEXT_LEXER_H_
