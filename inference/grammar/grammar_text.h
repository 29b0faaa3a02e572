// Grammars as text, in the style of llama.cpp's GBNF:
//
//   root   ::= "yes" | "no, " reason{1,3}      # the text begins with rule root
//   reason ::= [a-z0-9]+ [^\n]? ("!" | "\u00e9")*
//
//   STRATA_ASSIGN_OR_RETURN(Grammar grammar, ParseGrammar(text));
//
// A rule ends with its line, unless it goes on in brackets or behind ::= or |. Names have letters, digits, - and _. There
// are "texts", [classes] and [^complements] with ranges, . for any character, ( ), |, and the repetitions * + ? {n} {n,}
// {,m} {n,m}. Escapes in texts and classes: \n \r \t \\ \" \' \[ \] \- \^ \/ and the code points \xHH \uHHHH \UHHHHHHHH.
#ifndef STRATA_INFERENCE_GRAMMAR_GRAMMAR_TEXT_H_
#define STRATA_INFERENCE_GRAMMAR_GRAMMAR_TEXT_H_

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "inference/grammar/grammar.h"

namespace strata::inference::grammar {

// INVALID_ARGUMENT with line and column: of the first fault, or of a rule that is named and not there.
absl::StatusOr<Grammar> ParseGrammar(absl::string_view text);

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_GRAMMAR_TEXT_H_
