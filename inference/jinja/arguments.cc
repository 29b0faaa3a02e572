#include "inference/jinja/arguments.h"

#include <algorithm>

#include "absl/strings/str_join.h"

namespace strata::inference::jinja {

const Value* Arguments::Find(absl::string_view name) const {
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return nullptr;
}

absl::StatusOr<std::vector<Value>> Bind(const Arguments& arguments, absl::string_view callee,
                                        std::initializer_list<absl::string_view> names,
                                        size_t needed) {
  const auto usage = [&] { return absl::StrCat(callee, "(", absl::StrJoin(names, ", "), ")"); };
  if (arguments.positional.size() > names.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(usage(), " got ", arguments.positional.size(), " arguments"));
  }
  std::vector<Value> bound = arguments.positional;
  std::vector<bool> given(names.size(), false);
  std::fill_n(given.begin(), bound.size(), true);
  bound.resize(names.size());
  for (const auto& [name, value] : arguments.named) {
    const auto place =
        static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    if (place == names.size())
      return absl::InvalidArgumentError(absl::StrCat(usage(), " has no argument '", name, "'"));
    if (given[place])
      return absl::InvalidArgumentError(absl::StrCat(usage(), " got '", name, "' twice"));
    given[place] = true;
    bound[place] = value;
  }
  for (size_t i = 0; i < needed; ++i) {
    if (!given[i]) {
      return absl::InvalidArgumentError(
          absl::StrCat(usage(), " needs the argument '", *(names.begin() + i), "'"));
    }
  }
  return bound;
}

absl::StatusOr<int64_t> ToInteger(const Value& value, absl::string_view what) {
  if (value.is_integer()) return value.int_value();
  if (value.is_undefined()) return absl::InvalidArgumentError(value.undefined_message());
  return absl::InvalidArgumentError(
      absl::StrCat(what, " must be an integer, not a ", value.TypeName()));
}

absl::StatusOr<int64_t> ToInteger(const Value& value, absl::string_view what, int64_t otherwise) {
  if (value.is_undefined() || value.is_none()) return otherwise;
  return ToInteger(value, what);
}

absl::StatusOr<Text> ToText(const Value& value, absl::string_view what) {
  if (value.is_string()) return value.text();
  if (value.is_undefined()) return absl::InvalidArgumentError(value.undefined_message());
  return absl::InvalidArgumentError(
      absl::StrCat(what, " must be a string, not a ", value.TypeName()));
}

bool ToBool(const Value& value, bool otherwise) {
  return value.is_undefined() ? otherwise : value.Truth();
}

}  // namespace strata::inference::jinja
