// The operators of expressions on values: + - * / // % ** ~ and the signs.
//
//   Apply(BinaryOperator::kAdd, Value::Int(1), Value::Float(0.5), &heap)  ->  1.5
//
// Integers have 64 bits: what does not fit is an error (in Python they grow). INVALID_ARGUMENT names the types that do
// not go together, and says what to do.
#ifndef STRATA_INFERENCE_JINJA_OPERATORS_H_
#define STRATA_INFERENCE_JINJA_OPERATORS_H_

#include "inference/jinja/value.h"

namespace strata::inference::jinja {

enum class BinaryOperator { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };

absl::StatusOr<Value> Apply(BinaryOperator op, const Value& a, const Value& b, Heap* heap);
absl::StatusOr<Value> Negate(const Value& value);
absl::StatusOr<Value> Plus(const Value& value);

// format % values, as Python's strings have it: %s %r %d %i %u %x %X %o %e %f %g %c %% with flags, width, precision
// and %(name)s. `values`: a tuple, a dict for names, or one value.
absl::StatusOr<Value> FormatPercent(const Text& format, const Value& values, Heap* heap);

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_OPERATORS_H_
