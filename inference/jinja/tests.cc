// Tests: what stands after `is`.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "inference/jinja/builtins.h"
#include "inference/jinja/comparison.h"
#include "inference/jinja/operators.h"
#include "inference/jinja/printing.h"
#include "inference/jinja/unicode.h"

namespace strata::inference::jinja {
namespace {

using Result = absl::StatusOr<bool>;

// A test of the value alone.
template <bool (*Holds)(const Value&)>
Result Plain(Interpreter&, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "test", {"value"}, 1));
  return Holds(bound[0]);
}

bool Defined(const Value& value) { return !value.is_undefined(); }
bool Undefined(const Value& value) { return value.is_undefined(); }
bool None(const Value& value) { return value.is_none(); }
bool Boolean(const Value& value) { return value.kind() == Kind::kBool; }
bool True(const Value& value) { return Boolean(value) && value.bool_value(); }
bool False(const Value& value) { return Boolean(value) && !value.bool_value(); }
bool Integer(const Value& value) { return value.kind() == Kind::kInt; }
bool Float(const Value& value) { return value.kind() == Kind::kFloat; }
bool Number(const Value& value) { return value.is_number(); }
bool String(const Value& value) { return value.is_string(); }
bool Mapping(const Value& value) { return value.kind() == Kind::kDict; }
// Undefined too, as Python has it.
bool Callable(const Value& value) {
  return value.kind() == Kind::kFunction || value.is_undefined();
}
bool Never(const Value&) { return false; }
bool Sequence(const Value& value) {
  return value.is_string() || value.is_undefined() || Mapping(value) ||
         (value.kind() == Kind::kSequence && value.object<SequenceObject>()->indexable());
}
bool Iterable(const Value& value) {
  return Sequence(value) || value.kind() == Kind::kSequence || value.kind() == Kind::kIterator;
}

// Whether there are letters and all of them are in the case.
bool AllInCase(const Value& value, bool upper) {
  if (!value.is_string()) return false;
  const absl::string_view bytes = value.text().bytes();
  bool any = false;
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = CharacterSize(bytes.substr(at));
    const uint32_t code = CodePoint(bytes.substr(at, size));
    const bool is_lower = UpperCase(code) != code, is_upper = LowerCase(code) != code;
    if (upper ? is_lower : is_upper) return false;
    any |= is_lower || is_upper;
    at += size;
  }
  return any;
}
bool Upper(const Value& value) { return AllInCase(value, true); }
bool Lower(const Value& value) { return AllInCase(value, false); }

Result Remainder(Interpreter& in, const Value& value, const Value& by, int64_t wanted) {
  STRATA_ASSIGN_OR_RETURN(const Value rest, Apply(BinaryOperator::kModulo, value, by, &in.heap()));
  return Equal(rest, Value::Int(wanted), &in.heap());
}
Result Odd(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "odd", {"value"}, 1));
  return Remainder(in, bound[0], Value::Int(2), 1);
}
Result Even(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "even", {"value"}, 1));
  return Remainder(in, bound[0], Value::Int(2), 0);
}
Result DivisibleBy(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "divisibleby", {"value", "num"}, 2));
  return Remainder(in, bound[0], bound[1], 0);
}

enum class Order { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };
template <Order kOrder>
Result Compared(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "comparison", {"a", "b"}, 2));
  if (kOrder == Order::kEqual || kOrder == Order::kNotEqual) {
    STRATA_ASSIGN_OR_RETURN(const bool equal, Equal(bound[0], bound[1], &in.heap()));
    return equal == (kOrder == Order::kEqual);
  }
  STRATA_ASSIGN_OR_RETURN(const int order, Compare(bound[0], bound[1], &in.heap()));
  switch (kOrder) {
    case Order::kLess:
      return order < 0;
    case Order::kLessEqual:
      return order <= 0;
    case Order::kGreater:
      return order > 0;
    default:
      return order >= 0;
  }
}

Result In(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "in", {"value", "seq"}, 2));
  return Contains(bound[1], bound[0], &in.heap());
}

Result SameAs(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "sameas", {"value", "other"}, 2));
  const Value &a = bound[0], &b = bound[1];
  if (a.kind() != b.kind()) return false;
  if (a.kind() >= Kind::kSequence) return a.object<Object>() == b.object<Object>();
  return Equal(a, b, &in.heap());
}

template <bool kAtStart>
Result AtEdge(Interpreter&, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "text test", {"value", "part"}, 2));
  STRATA_ASSIGN_OR_RETURN(const Text text, ToText(bound[0], "the value"));
  STRATA_ASSIGN_OR_RETURN(const Text part, ToText(bound[1], "the part"));
  return kAtStart ? absl::StartsWith(text.bytes(), part.bytes())
                  : absl::EndsWith(text.bytes(), part.bytes());
}

template <bool kFilter>
Result Known(Interpreter&, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "test", {"value"}, 1));
  STRATA_ASSIGN_OR_RETURN(const Text name, ToText(bound[0], "the name"));
  return kFilter ? FindFilter(name.bytes()) != nullptr : FindTest(name.bytes()) != nullptr;
}

const absl::flat_hash_map<absl::string_view, Test>& Tests() {
  static const auto& table = *new absl::flat_hash_map<absl::string_view, Test>{
      {"defined", Plain<Defined>},
      {"undefined", Plain<Undefined>},
      {"none", Plain<None>},
      {"boolean", Plain<Boolean>},
      {"true", Plain<True>},
      {"false", Plain<False>},
      {"integer", Plain<Integer>},
      {"float", Plain<Float>},
      {"number", Plain<Number>},
      {"string", Plain<String>},
      {"mapping", Plain<Mapping>},
      {"sequence", Plain<Sequence>},
      {"iterable", Plain<Iterable>},
      {"callable", Plain<Callable>},
      {"escaped", Plain<Never>},
      {"upper", Plain<Upper>},
      {"lower", Plain<Lower>},
      {"odd", Odd},
      {"even", Even},
      {"divisibleby", DivisibleBy},
      {"eq", Compared<Order::kEqual>},
      {"==", Compared<Order::kEqual>},
      {"equalto", Compared<Order::kEqual>},
      {"ne", Compared<Order::kNotEqual>},
      {"!=", Compared<Order::kNotEqual>},
      {"lt", Compared<Order::kLess>},
      {"<", Compared<Order::kLess>},
      {"lessthan", Compared<Order::kLess>},
      {"le", Compared<Order::kLessEqual>},
      {"<=", Compared<Order::kLessEqual>},
      {"gt", Compared<Order::kGreater>},
      {">", Compared<Order::kGreater>},
      {"greaterthan", Compared<Order::kGreater>},
      {"ge", Compared<Order::kGreaterEqual>},
      {">=", Compared<Order::kGreaterEqual>},
      {"in", In},
      {"sameas", SameAs},
      {"startingwith", AtEdge<true>},
      {"endingwith", AtEdge<false>},
      {"filter", Known<true>},
      {"test", Known<false>},
  };
  return table;
}

}  // namespace

Test FindTest(absl::string_view name) {
  const auto found = Tests().find(name);
  return found == Tests().end() ? nullptr : found->second;
}

std::string TestNames() {
  std::vector<absl::string_view> names;
  for (const auto& [name, unused] : Tests()) names.push_back(name);
  std::sort(names.begin(), names.end());
  return absl::StrJoin(names, ", ");
}

}  // namespace strata::inference::jinja
