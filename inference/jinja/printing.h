// How values look as text: Python's str() and repr().
//
//   {{ ["a", 1.0, true, none] }}  ->  ['a', 1.0, True, None]
//
// Characters of strings keep their origin; what printing adds (brackets, quotes, digits) counts as the template's.
#ifndef STRATA_INFERENCE_JINJA_PRINTING_H_
#define STRATA_INFERENCE_JINJA_PRINTING_H_

#include <string>

#include "inference/jinja/text_builder.h"
#include "inference/jinja/value.h"

namespace strata::inference::jinja {

// Python's repr() of a number: the shortest digits that give it back; "inf", "nan".
std::string FormatFloat(double number);

// A string as it is, nothing for undefined, the rest as WriteRepr.
absl::Status WriteValue(const Value& value, TextBuilder* out);
// RESOURCE_EXHAUSTED for values nested too deeply.
absl::Status WriteRepr(const Value& value, TextBuilder* out);

// The value as a string; the same value when it is one.
absl::StatusOr<Value> ToString(const Value& value, Heap* heap);

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_PRINTING_H_
