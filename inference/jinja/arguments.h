// Arguments: what a filter, a test, a function or a method is called with; Bind() puts it in order.
//
//   // replace(text, old, new, count=none)
//   STRATA_ASSIGN_OR_RETURN(const std::vector<Value> bound, Bind(arguments, "replace", {"s", "old", "new", "count"}, 3));
#ifndef STRATA_INFERENCE_JINJA_ARGUMENTS_H_
#define STRATA_INFERENCE_JINJA_ARGUMENTS_H_

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "inference/jinja/value.h"

namespace strata::inference::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  // Null when there is none of that name.
  const Value* Find(absl::string_view name) const;
};

// One value a name, in the order of `names`; undefined for those not given. INVALID_ARGUMENT when one of the first
// `needed` is not given, and when too many or unknown ones are.
absl::StatusOr<std::vector<Value>> Bind(const Arguments& arguments, absl::string_view callee,
                                        std::initializer_list<absl::string_view> names,
                                        size_t needed);

// Checked readings of one argument; `what` names it in the error. The second form takes `otherwise` when the value is
// undefined or none.
absl::StatusOr<int64_t> ToInteger(const Value& value, absl::string_view what);
absl::StatusOr<int64_t> ToInteger(const Value& value, absl::string_view what, int64_t otherwise);
absl::StatusOr<Text> ToText(const Value& value, absl::string_view what);
bool ToBool(const Value& value, bool otherwise);

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_ARGUMENTS_H_
