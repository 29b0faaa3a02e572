// Filters of lists and dicts: length, join, sort, batch, items, ...
#include <algorithm>

#include "inference/jinja/access.h"
#include "inference/jinja/builtins.h"
#include "inference/jinja/comparison.h"
#include "inference/jinja/operators.h"
#include "inference/jinja/printing.h"
#include "inference/jinja/sort_keys.h"
#include "inference/jinja/unicode.h"

namespace strata::inference::jinja {
namespace {

using Result = absl::StatusOr<Value>;

Result Default(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          Bind(arguments, "default", {"value", "default_value", "boolean"}, 1));
  const bool boolean = ToBool(bound[2], false);
  if (!bound[0].is_undefined() && (!boolean || bound[0].Truth())) return bound[0];
  const bool given = arguments.positional.size() > 1 || arguments.Find("default_value") != nullptr;
  return given ? bound[1] : in.heap().String("", Origin::kTemplate);
}

Result CountItems(Interpreter&, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "length", {"value"}, 1));
  STRATA_ASSIGN_OR_RETURN(const int64_t length, Length(bound[0]));
  return Value::Int(length);
}

Result First(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "first", {"seq"}, 1));
  const Value& list = bound[0];
  if (list.kind() == Kind::kSequence && !list.object<SequenceObject>()->items.empty())
    return list.object<SequenceObject>()->items.front();
  if (list.kind() == Kind::kIterator) {
    auto* iterator = list.object<IteratorObject>();
    if (iterator->next < iterator->items.size()) return iterator->items[iterator->next++];
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Items(list, &in.heap()));
  return items.empty() ? Value::Undefined("there is no first item: the list is empty") : items[0];
}

Result Last(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "last", {"seq"}, 1));
  if (bound[0].kind() == Kind::kIterator)
    return absl::InvalidArgumentError("a generator has no last item; make it a list: |list|last");
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Items(bound[0], &in.heap()));
  return items.empty() ? Value::Undefined("there is no last item: the list is empty")
                       : items.back();
}

Result List(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "list", {"value"}, 1));
  STRATA_ASSIGN_OR_RETURN(std::vector<Value> items, Items(bound[0], &in.heap()));
  return in.heap().List(std::move(items));
}

Result Join(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          Bind(arguments, "join", {"value", "d", "attribute"}, 1));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Items(bound[0], &in.heap()));
  TextBuilder separator(&in.heap());
  STRATA_RETURN_IF_ERROR(WriteValue(bound[1], &separator));
  TextBuilder out(&in.heap());
  for (size_t i = 0; i < items.size(); ++i) {
    STRATA_RETURN_IF_ERROR(in.heap().Spend(1));
    if (i > 0) out.Append(separator.text());
    STRATA_ASSIGN_OR_RETURN(const Value item, GetPath(items[i], bound[2], &in.heap()));
    STRATA_RETURN_IF_ERROR(WriteValue(item, &out));
  }
  return out.Finish();
}

Result Reverse(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "reverse", {"value"}, 1));
  const Value step = Value::Int(-1), none = Value::None();
  if (bound[0].is_string()) return GetSlice(bound[0], none, none, step, &in.heap());
  STRATA_ASSIGN_OR_RETURN(std::vector<Value> items, Items(bound[0], &in.heap()));
  std::reverse(items.begin(), items.end());
  return in.heap().Iterator(std::move(items));
}

std::vector<Value> InOrder(const std::vector<Value>& items, const std::vector<size_t>& order) {
  std::vector<Value> sorted;
  sorted.reserve(items.size());
  for (size_t place : order) sorted.push_back(items[place]);
  return sorted;
}

Result Sort(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(
      const auto bound,
      Bind(arguments, "sort", {"value", "reverse", "case_sensitive", "attribute"}, 1));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Items(bound[0], &in.heap()));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> keys,
                          SortKeys(items, bound[3], ToBool(bound[2], false), &in.heap()));
  STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> order,
                          SortedOrder(keys, ToBool(bound[1], false), &in.heap()));
  return in.heap().List(InOrder(items, order));
}

Result DictSort(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "dictsort",
                                                 {"value", "case_sensitive", "by", "reverse"}, 1));
  if (bound[0].kind() != Kind::kDict)
    return absl::InvalidArgumentError(
        absl::StrCat("dictsort takes a dict, not a ", bound[0].TypeName()));
  std::string by = "key";
  if (!bound[2].is_undefined()) {
    STRATA_ASSIGN_OR_RETURN(const Text text, ToText(bound[2], "by"));
    by = text.bytes();
  }
  if (by != "key" && by != "value")
    return absl::InvalidArgumentError("dictsort sorts by 'key' or by 'value'");
  std::vector<Value> pairs;
  for (const auto& [key, value] : bound[0].object<DictObject>()->entries())
    pairs.push_back(in.heap().Tuple({key, value}));
  STRATA_ASSIGN_OR_RETURN(
      const std::vector<Value> keys,
      SortKeys(pairs, Value::Int(by == "key" ? 0 : 1), ToBool(bound[1], false), &in.heap()));
  STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> order,
                          SortedOrder(keys, ToBool(bound[3], false), &in.heap()));
  return in.heap().List(InOrder(pairs, order));
}

Result Unique(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          Bind(arguments, "unique", {"value", "case_sensitive", "attribute"}, 1));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Items(bound[0], &in.heap()));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> keys,
                          SortKeys(items, bound[2], ToBool(bound[1], false), &in.heap()));
  DictObject* seen = in.heap().NewDict();
  std::vector<Value> unique;
  for (size_t i = 0; i < items.size(); ++i) {
    if (seen->Find(keys[i]) != nullptr) continue;
    STRATA_RETURN_IF_ERROR(seen->Set(keys[i], Value::None()));
    unique.push_back(items[i]);
  }
  return in.heap().Iterator(std::move(unique));
}

Result Extreme(Interpreter& in, const Arguments& arguments, bool greatest) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          Bind(arguments, "min, max", {"value", "case_sensitive", "attribute"}, 1));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Items(bound[0], &in.heap()));
  if (items.empty())
    return Value::Undefined("there is no least and no greatest: the list is empty");
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> keys,
                          SortKeys(items, bound[2], ToBool(bound[1], false), &in.heap()));
  size_t best = 0;
  for (size_t i = 1; i < items.size(); ++i) {
    STRATA_ASSIGN_OR_RETURN(const int order, Compare(keys[i], keys[best], &in.heap()));
    if (greatest ? order > 0 : order < 0) best = i;
  }
  return items[best];
}

Result Min(Interpreter& in, const Arguments& arguments) { return Extreme(in, arguments, false); }
Result Max(Interpreter& in, const Arguments& arguments) { return Extreme(in, arguments, true); }

Result Sum(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          Bind(arguments, "sum", {"iterable", "attribute", "start"}, 1));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Items(bound[0], &in.heap()));
  Value sum = bound[2].is_undefined() ? Value::Int(0) : bound[2];
  for (const Value& item : items) {
    STRATA_RETURN_IF_ERROR(in.heap().Spend(1));
    STRATA_ASSIGN_OR_RETURN(const Value part, GetPath(item, bound[1], &in.heap()));
    STRATA_ASSIGN_OR_RETURN(sum, Apply(BinaryOperator::kAdd, sum, part, &in.heap()));
  }
  return sum;
}

// Rows of `linecount` items; the last is filled up if there is something to fill it with.
Result Batch(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          Bind(arguments, "batch", {"value", "linecount", "fill_with"}, 2));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Items(bound[0], &in.heap()));
  STRATA_ASSIGN_OR_RETURN(const int64_t count, ToInteger(bound[1], "linecount"));
  if (count < 1 || count > 1'000'000)
    return absl::InvalidArgumentError("linecount must be from 1 to 1000000");
  const auto width = static_cast<size_t>(count);
  std::vector<Value> rows;
  for (size_t at = 0; at < items.size(); at += width) {
    std::vector<Value> row(
        items.begin() + static_cast<std::ptrdiff_t>(at),
        items.begin() + static_cast<std::ptrdiff_t>(std::min(at + width, items.size())));
    if (!bound[2].is_undefined() && !bound[2].is_none()) row.resize(width, bound[2]);
    rows.push_back(in.heap().List(std::move(row)));
  }
  return in.heap().Iterator(std::move(rows));
}

// `slices` columns of nearly the same size.
Result Slice(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          Bind(arguments, "slice", {"value", "slices", "fill_with"}, 2));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Items(bound[0], &in.heap()));
  STRATA_ASSIGN_OR_RETURN(const int64_t count, ToInteger(bound[1], "slices"));
  if (count < 1 || count > 100'000)
    return absl::InvalidArgumentError("slices must be from 1 to 100000");
  const size_t slices = static_cast<size_t>(count), size = items.size() / slices,
               longer = items.size() % slices;
  std::vector<Value> columns;
  auto at = items.begin();
  for (size_t i = 0; i < slices; ++i) {
    const auto end = at + static_cast<std::ptrdiff_t>(size + (i < longer ? 1 : 0));
    std::vector<Value> column(at, end);
    const bool fill = !bound[2].is_undefined() && !bound[2].is_none() && i >= longer;
    if (fill) column.push_back(bound[2]);
    columns.push_back(in.heap().List(std::move(column)));
    at = end;
  }
  return in.heap().Iterator(std::move(columns));
}

Result ItemPairs(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "items", {"value"}, 1));
  std::vector<Value> pairs;
  if (bound[0].kind() == Kind::kDict) {
    for (const auto& [key, value] : bound[0].object<DictObject>()->entries())
      pairs.push_back(in.heap().Tuple({key, value}));
  } else if (!bound[0].is_undefined()) {
    return absl::InvalidArgumentError(
        absl::StrCat("items takes a dict, not a ", bound[0].TypeName()));
  }
  return in.heap().Iterator(std::move(pairs));
}

// Pairs (value of the attribute, list of the items that have it), sorted by the value.
Result GroupBy(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(
      const auto bound,
      Bind(arguments, "groupby", {"value", "attribute", "default", "case_sensitive"}, 2));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Items(bound[0], &in.heap()));
  const bool case_sensitive = ToBool(bound[3], false);
  STRATA_ASSIGN_OR_RETURN(std::vector<Value> keys,
                          SortKeys(items, bound[1], case_sensitive, &in.heap()));
  STRATA_ASSIGN_OR_RETURN(std::vector<Value> names, SortKeys(items, bound[1], true, &in.heap()));
  for (size_t i = 0; i < items.size(); ++i) {
    if (keys[i].is_undefined()) keys[i] = names[i] = bound[2];
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> order, SortedOrder(keys, false, &in.heap()));
  std::vector<Value> groups;
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    std::vector<Value> members;
    for (end = begin; end < order.size(); ++end) {
      STRATA_ASSIGN_OR_RETURN(const bool same,
                              Equal(keys[order[begin]], keys[order[end]], &in.heap()));
      if (!same) break;
      members.push_back(items[order[end]]);
    }
    groups.push_back(in.heap().Tuple({names[order[begin]], in.heap().List(std::move(members))}));
  }
  return in.heap().List(std::move(groups));
}

Result Attribute(Interpreter&, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "attr", {"obj", "name"}, 2));
  STRATA_ASSIGN_OR_RETURN(const Text name, ToText(bound[1], "name"));
  return GetField(bound[0], name.bytes());
}

}  // namespace

void AddListFilters(FilterTable* table) {
  table->insert(
      {{"default", Default}, {"d", Default},       {"length", CountItems}, {"count", CountItems},
       {"first", First},     {"last", Last},       {"list", List},         {"join", Join},
       {"reverse", Reverse}, {"sort", Sort},       {"dictsort", DictSort}, {"unique", Unique},
       {"min", Min},         {"max", Max},         {"sum", Sum},           {"batch", Batch},
       {"slice", Slice},     {"items", ItemPairs}, {"groupby", GroupBy},   {"attr", Attribute}});
}

}  // namespace strata::inference::jinja
