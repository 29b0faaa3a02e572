// Regular expressions as grammars.
//
//   STRATA_ASSIGN_OR_RETURN(Expr year, ParseRegex("(19|20)\\d{2}"));
//   Grammar grammar = OneRule(std::move(year));
//
// The syntax is what ECMA-262, Python and Rust have in common: . | ( ) (?: ) (?<name> ) (?P<name> ), [classes] with
// ranges, \d \w \s and their complements (of ASCII; \s has Unicode's white space), the escapes \n \r \t \f \v \0 \xHH
// \uHHHH \u{H...} \cA, and * + ? {n} {n,} {n,m}, each with a ? behind it that changes nothing, since only whole texts
// count. The dot is any character but line ends. ^ and $ may stand at the ends of the expression or of its choices; a text
// must match as a whole with them or without. Look-around, back references, \b, \p{} and flags are refused by name.
#ifndef STRATA_INFERENCE_GRAMMAR_REGEX_H_
#define STRATA_INFERENCE_GRAMMAR_REGEX_H_

#include <functional>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "inference/grammar/grammar.h"

namespace strata::inference::grammar {

struct RegexOptions {
  // Without ^ any characters may stand before a match, without $ behind it, as JSON Schema has it.
  bool search = false;
  // How a character of the text is written; by default in UTF-8.
  std::function<Expr(std::vector<CodeRange>)> write = Class;
};

// INVALID_ARGUMENT with line and column.
absl::StatusOr<Expr> ParseRegex(absl::string_view text, const RegexOptions& options = {});

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_REGEX_H_
