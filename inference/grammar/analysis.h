// What a grammar's rules are like, found as least fixed points; and its faults.
#ifndef STRATA_INFERENCE_GRAMMAR_ANALYSIS_H_
#define STRATA_INFERENCE_GRAMMAR_ANALYSIS_H_

#include <vector>

#include "base/status.h"
#include "inference/grammar/grammar.h"

namespace strata::inference::grammar {

// Nesting of an expression, and rules in a row of which each may begin with the next, at most.
inline constexpr int kMaxDepth = 500, kMaxCorners = 1500;

// By rule. Valid for grammars that CheckShape() takes.
using RuleFlags = std::vector<bool>;

// INVALID_ARGUMENT when there is no rule, an expression is nested too deep, a rule is named that there is not, or a
// repetition has least > most or most < 1 without least being 0.
absl::Status CheckShape(const Grammar& grammar);

// Whether the empty text is one of the rule's.
RuleFlags NullableRules(const Grammar& grammar);
bool IsNullable(const Expr& expr, const RuleFlags& rules);

// Whether there is any text at all.
RuleFlags ProductiveRules(const Grammar& grammar);
bool IsProductive(const Expr& expr, const RuleFlags& rules);

// Repetitions get parts that are not nullable, with the same texts: (a?)* becomes (a)*. May add rules. INVALID_ARGUMENT
// where that takes too many expressions: it doubles with each level of (a? (a? (...)*)*)*.
absl::Status MakeRepetitionsNonNullable(Grammar* grammar);

// INVALID_ARGUMENT, with the rules on the way, when a rule can come back to itself before any byte.
absl::Status CheckLeftRecursion(const Grammar& grammar);

// Rules that are small, without long repetitions, and do not come back to themselves: better written out than called.
RuleFlags SmallRules(const Grammar& grammar);

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_ANALYSIS_H_
