// Filters that apply others to each item: map, select, reject, selectattr, rejectattr; and the table of all filters.
#include <algorithm>

#include "absl/strings/str_join.h"
#include "inference/jinja/access.h"
#include "inference/jinja/builtins.h"

namespace strata::inference::jinja {
namespace {

using Result = absl::StatusOr<Value>;

Result Map(Interpreter& in, const Arguments& arguments) {
  if (arguments.positional.empty()) return absl::InvalidArgumentError("map needs a list");
  STRATA_ASSIGN_OR_RETURN(std::vector<Value> items, Items(arguments.positional[0], &in.heap()));
  const Value* attribute = arguments.Find("attribute");
  if (attribute != nullptr) {
    const Value* otherwise = arguments.Find("default");
    for (Value& item : items) {
      STRATA_RETURN_IF_ERROR(in.heap().Spend(1));
      STRATA_ASSIGN_OR_RETURN(item, GetPath(item, *attribute, &in.heap()));
      if (item.is_undefined() && otherwise != nullptr) item = *otherwise;
    }
    return in.heap().Iterator(std::move(items));
  }
  if (arguments.positional.size() < 2)
    return absl::InvalidArgumentError("map needs the name of a filter, or attribute='...'");
  STRATA_ASSIGN_OR_RETURN(const Text name, ToText(arguments.positional[1], "the name of a filter"));
  Arguments call;
  call.named = arguments.named;
  call.positional.assign(arguments.positional.begin() + 1, arguments.positional.end());
  for (Value& item : items) {
    call.positional[0] = std::move(item);
    STRATA_ASSIGN_OR_RETURN(item, in.CallFilter(name.bytes(), call));
  }
  return in.heap().Iterator(std::move(items));
}

// Items of which the test (or their truth) is `wanted`; with `by_attribute`, of an attribute of theirs.
Result Choose(Interpreter& in, const Arguments& arguments, bool wanted, bool by_attribute) {
  const size_t fixed = by_attribute ? 2 : 1;  // the list, and the attribute
  if (arguments.positional.size() < fixed) {
    return absl::InvalidArgumentError(by_attribute ? "selectattr and rejectattr need an attribute"
                                                   : "select and reject need a list");
  }
  STRATA_ASSIGN_OR_RETURN(std::vector<Value> items, Items(arguments.positional[0], &in.heap()));
  const bool has_test = arguments.positional.size() > fixed;
  Text test;
  if (has_test) {
    STRATA_ASSIGN_OR_RETURN(test, ToText(arguments.positional[fixed], "the name of a test"));
  }
  Arguments call;
  call.named = arguments.named;
  call.positional.assign(1, Value());
  if (has_test) {
    call.positional.insert(call.positional.end(),
                           arguments.positional.begin() + static_cast<std::ptrdiff_t>(fixed) + 1,
                           arguments.positional.end());
  }
  std::vector<Value> chosen;
  for (Value& item : items) {
    STRATA_RETURN_IF_ERROR(in.heap().Spend(1));
    Value subject = item;
    if (by_attribute) {
      STRATA_ASSIGN_OR_RETURN(subject, GetPath(item, arguments.positional[1], &in.heap()));
    }
    bool passes = subject.Truth();
    if (has_test) {
      call.positional[0] = std::move(subject);
      STRATA_ASSIGN_OR_RETURN(passes, in.CallTest(test.bytes(), call));
    }
    if (passes == wanted) chosen.push_back(std::move(item));
  }
  return in.heap().Iterator(std::move(chosen));
}

template <bool kWanted, bool kByAttribute>
Result Chosen(Interpreter& in, const Arguments& arguments) {
  return Choose(in, arguments, kWanted, kByAttribute);
}

const FilterTable& Filters() {
  static const FilterTable& table = *[] {
    auto* filters = new FilterTable;
    AddTextFilters(filters);
    AddNumberFilters(filters);
    AddListFilters(filters);
    AddSelectionFilters(filters);
    return filters;
  }();
  return table;
}

}  // namespace

void AddSelectionFilters(FilterTable* table) {
  table->insert({{"map", Map},
                 {"select", Chosen<true, false>},
                 {"reject", Chosen<false, false>},
                 {"selectattr", Chosen<true, true>},
                 {"rejectattr", Chosen<false, true>}});
}

Filter FindFilter(absl::string_view name) {
  const auto found = Filters().find(name);
  return found == Filters().end() ? nullptr : found->second;
}

std::string FilterNames() {
  std::vector<absl::string_view> names;
  for (const auto& [name, unused] : Filters()) names.push_back(name);
  std::sort(names.begin(), names.end());
  return absl::StrJoin(names, ", ");
}

}  // namespace strata::inference::jinja
