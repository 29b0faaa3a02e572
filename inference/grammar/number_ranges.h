// JSON numbers between bounds, as grammars of digits.
//
//   IntegersBetween({.least = Decimal::Parse("-5"), .most = Decimal::Parse("120")})   // "-5", "0", "120", not "-0", "121"
//
// Numbers are written without exponent, and with as many digits as a double holds (15), so that a reader who rounds
// cannot come out beyond a bound.
#ifndef STRATA_INFERENCE_GRAMMAR_NUMBER_RANGES_H_
#define STRATA_INFERENCE_GRAMMAR_NUMBER_RANGES_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "inference/grammar/grammar.h"

namespace strata::inference::grammar {

// A number as digits: -12.5 is {true, "12", "5"}. The whole part has no leading zeros ("" is 0), the fraction no trailing
// ones. 0 is not negative.
struct Decimal {
  bool negative = false;
  std::string whole, fraction;

  // Of a JSON number. INVALID_ARGUMENT when it is out of a double's range.
  static absl::StatusOr<Decimal> Parse(absl::string_view number);
  bool is_zero() const { return whole.empty() && fraction.empty(); }
};

struct NumberRange {
  std::optional<Decimal> least = {}, most = {};
  bool above_least = false, below_most = false;  // without the bound itself

  bool bounded() const { return least.has_value() || most.has_value(); }
};

// No text at all when the range is empty. INVALID_ARGUMENT when a bound has more digits than are written.
absl::StatusOr<Expr> IntegersBetween(const NumberRange& range);
absl::StatusOr<Expr> NumbersBetween(const NumberRange& range);

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_NUMBER_RANGES_H_
