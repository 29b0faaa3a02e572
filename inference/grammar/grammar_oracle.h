// The meaning of grammars, slow and obvious, for tests; and random grammars.
#ifndef STRATA_INFERENCE_GRAMMAR_GRAMMAR_ORACLE_H_
#define STRATA_INFERENCE_GRAMMAR_GRAMMAR_ORACLE_H_

#include <random>
#include <string>

#include "base/status.h"
#include "inference/grammar/grammar.h"
#include "inference/grammar/matcher.h"

namespace strata::inference::grammar {

// Whether `text` is of the grammar, by trying all ways from the left. The grammar must not be left recursive.
bool OracleAccepts(const Grammar& grammar, const std::string& text);

// Rules over the letters a, b, c and é, of any kind: may be left recursive or without any text.
Grammar RandomGrammar(std::mt19937_64& random);

// Whether the matcher takes the text, byte by byte. The grammar must compile.
bool MatcherAccepts(const Grammar& grammar, const std::string& text);

// Goes on at random until the text may end, preferring the bytes of `closing`. INTERNAL when a text begins that cannot go
// on; DEADLINE_EXCEEDED when it is not over after `most` bytes.
absl::StatusOr<std::string> RandomText(Matcher* matcher, std::mt19937_64& random,
                                       const std::string& closing = "", int most = 300);

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_GRAMMAR_ORACLE_H_
