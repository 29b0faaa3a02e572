// Lexer: cuts a template into text and tags, and tags into tokens, with Jinja's rules for white space as chat
// templates expect them (trim_blocks and lstrip_blocks on):
//
//   "Hi\n  {% if x %}\n{{ y }}"  ->  text "Hi\n", block begin, if, x, block end, expression begin, y, expression end
//
// The line break after a block tag or comment goes, and so does white space before one that begins its line; "-" next
// to a tag's sign takes all white space on that side, "+" keeps it. One line break at the end of the template goes.
#ifndef STRATA_INFERENCE_JINJA_LEXER_H_
#define STRATA_INFERENCE_JINJA_LEXER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "inference/jinja/syntax.h"

namespace strata::inference::jinja {

enum class TokenKind {
  kText,             // outside tags
  kExpressionBegin,  // {{
  kExpressionEnd,
  kBlockBegin,  // {%
  kBlockEnd,
  kName,
  kString,   // without quotes and escapes
  kInteger,  // decimal digits
  kFloat,
  kOperator,  // "==", "(", "|", ...
  kEnd,       // of the template
};

struct Token {
  TokenKind kind;
  std::string text;
  Position at;
};

// INVALID_ARGUMENT with line and column for what is no token, an unfinished tag or string, and bytes that are not
// UTF-8. The last token is kEnd.
absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source);

// `status` with the place before its message, unless it has one already: the innermost place counts.
absl::Status ErrorAt(Position at, const absl::Status& status);
absl::Status SyntaxError(Position at, absl::string_view message);

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_LEXER_H_
