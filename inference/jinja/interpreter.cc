#include "inference/jinja/interpreter.h"

#include <utility>

#include "inference/jinja/access.h"
#include "inference/jinja/builtins.h"
#include "inference/jinja/comparison.h"
#include "inference/jinja/nesting.h"
#include "inference/jinja/operators.h"
#include "inference/jinja/printing.h"

namespace strata::inference::jinja {
namespace {

// What looking at all of a value counts for.
int64_t Cost(const Value& value) {
  switch (value.kind()) {
    case Kind::kString:
      return static_cast<int64_t>(value.text().size() / 64);
    case Kind::kSequence:
      return static_cast<int64_t>(value.object<SequenceObject>()->items.size() / 4);
    case Kind::kDict:
      return static_cast<int64_t>(value.object<DictObject>()->entries().size() / 4);
    default:
      return 0;
  }
}

int64_t Cost(const Arguments& arguments) {
  int64_t cost = 1;
  for (const Value& value : arguments.positional) cost += Cost(value);
  for (const auto& [unused, value] : arguments.named) cost += Cost(value);
  return cost;
}

absl::StatusOr<Value> At(Position at, absl::StatusOr<Value> value) {
  if (value.ok()) return value;
  return ErrorAt(at, value.status());
}

}  // namespace

absl::StatusOr<Value> Interpreter::Evaluate(const Expression& expression, Scope* scope) {
  const Nesting nesting(this);
  STRATA_RETURN_IF_ERROR(nesting.Check(expression.at));
  STRATA_RETURN_IF_ERROR(ErrorAt(expression.at, heap_.Spend(1)));
  return std::visit([&](const auto& node) { return Visit(node, expression.at, scope); },
                    expression.node);
}

absl::StatusOr<Value> Interpreter::EvaluateOrNone(const ExpressionPtr& expression, Scope* scope) {
  if (expression == nullptr) return Value::None();
  return Evaluate(*expression, scope);
}

absl::StatusOr<std::vector<Value>> Interpreter::EvaluateAll(
    const std::vector<ExpressionPtr>& expressions, Scope* scope) {
  std::vector<Value> values;
  values.reserve(expressions.size());
  for (const ExpressionPtr& expression : expressions) {
    STRATA_ASSIGN_OR_RETURN(Value value, Evaluate(*expression, scope));
    values.push_back(std::move(value));
  }
  return values;
}

absl::StatusOr<Arguments> Interpreter::EvaluateArguments(const CallArguments& node, Position at,
                                                         Scope* scope) {
  Arguments arguments;
  STRATA_ASSIGN_OR_RETURN(arguments.positional, EvaluateAll(node.positional, scope));
  for (const auto& [name, expression] : node.named) {
    STRATA_ASSIGN_OR_RETURN(Value value, Evaluate(*expression, scope));
    arguments.named.emplace_back(name, std::move(value));
  }
  if (node.rest != nullptr) {
    STRATA_ASSIGN_OR_RETURN(const Value rest, Evaluate(*node.rest, scope));
    absl::StatusOr<std::vector<Value>> items = Items(rest, &heap_);
    if (!items.ok()) return ErrorAt(at, items.status());
    arguments.positional.insert(arguments.positional.end(), items->begin(), items->end());
  }
  if (node.named_rest != nullptr) {
    STRATA_ASSIGN_OR_RETURN(const Value rest, Evaluate(*node.named_rest, scope));
    if (rest.kind() != Kind::kDict) return SyntaxError(at, "** must be followed by a dict");
    for (const auto& [key, value] : rest.object<DictObject>()->entries()) {
      if (!key.is_string()) return SyntaxError(at, "the keys of a dict after ** must be strings");
      arguments.named.emplace_back(key.text().bytes(), value);
    }
  }
  return arguments;
}

absl::StatusOr<Value> Interpreter::Visit(const Literal& node, Position, Scope*) {
  return node.value;
}

absl::StatusOr<Value> Interpreter::Visit(const Name& node, Position, Scope* scope) {
  for (; scope != nullptr; scope = scope->parent) {
    const auto found = scope->values.find(node.name);
    if (found != scope->values.end()) return found->second;
  }
  return Value::Undefined(absl::StrCat("'", node.name, "' is undefined"));
}

absl::StatusOr<Value> Interpreter::Visit(const ListLiteral& node, Position, Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(std::vector<Value> items, EvaluateAll(node.items, scope));
  return node.tuple ? heap_.Tuple(std::move(items)) : heap_.List(std::move(items));
}

absl::StatusOr<Value> Interpreter::Visit(const DictLiteral& node, Position at, Scope* scope) {
  DictObject* dict = heap_.NewDict();
  for (const auto& [key_node, value_node] : node.entries) {
    STRATA_ASSIGN_OR_RETURN(const Value key, Evaluate(*key_node, scope));
    STRATA_ASSIGN_OR_RETURN(Value value, Evaluate(*value_node, scope));
    STRATA_RETURN_IF_ERROR(ErrorAt(at, dict->Set(key, std::move(value))));
  }
  return Value::Of(dict);
}

absl::StatusOr<Value> Interpreter::Visit(const Not& node, Position, Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(const Value operand, Evaluate(*node.operand, scope));
  return Value::Bool(!operand.Truth());
}

absl::StatusOr<Value> Interpreter::Visit(const Sign& node, Position at, Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(const Value operand, Evaluate(*node.operand, scope));
  return At(at, node.negative ? Negate(operand) : Plus(operand));
}

absl::StatusOr<Value> Interpreter::Visit(const Logic& node, Position, Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(Value left, Evaluate(*node.left, scope));
  if (left.Truth() != node.is_and) return left;
  return Evaluate(*node.right, scope);
}

absl::StatusOr<Value> Interpreter::Visit(const Binary& node, Position at, Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(const Value left, Evaluate(*node.left, scope));
  STRATA_ASSIGN_OR_RETURN(const Value right, Evaluate(*node.right, scope));
  STRATA_RETURN_IF_ERROR(ErrorAt(at, heap_.Spend(Cost(left) + Cost(right))));
  return At(at, Apply(node.op, left, right, &heap_));
}

absl::StatusOr<Value> Interpreter::Visit(const Concat& node, Position at, Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> parts, EvaluateAll(node.parts, scope));
  TextBuilder text(&heap_);
  for (const Value& part : parts) STRATA_RETURN_IF_ERROR(ErrorAt(at, WriteValue(part, &text)));
  STRATA_RETURN_IF_ERROR(ErrorAt(at, heap_.Spend(static_cast<int64_t>(text.size() / 64))));
  return At(at, text.Finish());
}

absl::StatusOr<bool> Interpreter::Holds(Relation relation, const Value& a, const Value& b) {
  switch (relation) {
    case Relation::kEqual:
      return Equal(a, b, &heap_);
    case Relation::kNotEqual: {
      STRATA_ASSIGN_OR_RETURN(const bool equal, Equal(a, b, &heap_));
      return !equal;
    }
    case Relation::kIn:
      return Contains(b, a, &heap_);
    case Relation::kNotIn: {
      STRATA_ASSIGN_OR_RETURN(const bool contained, Contains(b, a, &heap_));
      return !contained;
    }
    default:
      break;
  }
  STRATA_ASSIGN_OR_RETURN(const int order, Compare(a, b, &heap_));
  switch (relation) {
    case Relation::kLess:
      return order < 0;
    case Relation::kLessEqual:
      return order <= 0;
    case Relation::kGreater:
      return order > 0;
    default:
      return order >= 0;
  }
}

absl::StatusOr<Value> Interpreter::Visit(const Comparison& node, Position at, Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(Value left, Evaluate(*node.first, scope));
  for (const auto& [relation, expression] : node.rest) {
    STRATA_ASSIGN_OR_RETURN(Value right, Evaluate(*expression, scope));
    const absl::StatusOr<bool> holds = Holds(relation, left, right);
    if (!holds.ok()) return ErrorAt(at, holds.status());
    if (!*holds) return Value::Bool(false);
    left = std::move(right);
  }
  return Value::Bool(true);
}

absl::StatusOr<Value> Interpreter::Visit(const Conditional& node, Position, Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(const Value condition, Evaluate(*node.condition, scope));
  if (condition.Truth()) return Evaluate(*node.then, scope);
  if (node.otherwise != nullptr) return Evaluate(*node.otherwise, scope);
  return Value::Undefined("the inline if was false, and it has no else");
}

absl::StatusOr<Value> Interpreter::Visit(const Field& node, Position at, Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(Value object, Evaluate(*node.object, scope));
  const Method method = FindMethod(object, node.name);
  if (method != nullptr) return BindMethod(method, node.name, std::move(object), &heap_);
  return At(at, GetField(object, node.name));
}

absl::StatusOr<Value> Interpreter::Visit(const Subscript& node, Position at, Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(Value object, Evaluate(*node.object, scope));
  STRATA_ASSIGN_OR_RETURN(const Value index, Evaluate(*node.index, scope));
  absl::StatusOr<Value> item = At(at, GetItem(object, index, &heap_));
  if (!item.ok() || !item->is_undefined() || !index.is_string()) return item;
  const std::string& name = index.text().bytes();
  const Method method = FindMethod(object, name);
  const bool stored = object.kind() == Kind::kDict && object.object<DictObject>()->Find(index);
  return method != nullptr && !stored ? BindMethod(method, name, std::move(object), &heap_) : item;
}

absl::StatusOr<Value> Interpreter::Visit(const SliceOf& node, Position at, Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(const Value object, Evaluate(*node.object, scope));
  STRATA_ASSIGN_OR_RETURN(const Value start, EvaluateOrNone(node.start, scope));
  STRATA_ASSIGN_OR_RETURN(const Value stop, EvaluateOrNone(node.stop, scope));
  STRATA_ASSIGN_OR_RETURN(const Value step, EvaluateOrNone(node.step, scope));
  return At(at, GetSlice(object, start, stop, step, &heap_));
}

absl::StatusOr<Value> Interpreter::Visit(const Call& node, Position at, Scope* scope) {
  return EvaluateCall(node, at, Value(), scope);
}

absl::StatusOr<Value> Interpreter::EvaluateCall(const Call& node, Position at, const Value& caller,
                                                Scope* scope) {
  Value callee;
  Method method = nullptr;
  const auto* field = std::get_if<Field>(&node.callee->node);
  if (field != nullptr) {  // a method needs no value of its own
    STRATA_ASSIGN_OR_RETURN(callee, Evaluate(*field->object, scope));
    method = FindMethod(callee, field->name);
    if (method == nullptr) {
      STRATA_ASSIGN_OR_RETURN(callee, At(node.callee->at, GetField(callee, field->name)));
    }
  } else {
    STRATA_ASSIGN_OR_RETURN(callee, Evaluate(*node.callee, scope));
  }
  STRATA_ASSIGN_OR_RETURN(Arguments arguments, EvaluateArguments(node.arguments, at, scope));
  if (!caller.is_undefined()) arguments.named.emplace_back("caller", caller);
  STRATA_RETURN_IF_ERROR(ErrorAt(at, heap_.Spend(Cost(arguments) + Cost(callee))));
  if (method != nullptr) return At(at, method(*this, callee, arguments));
  return At(at, CallValue(callee, std::move(arguments)));
}

absl::StatusOr<Value> Interpreter::CallValue(const Value& callee, Arguments arguments) {
  if (callee.kind() == Kind::kFunction)
    return callee.object<FunctionObject>()->Call(*this, std::move(arguments));
  if (callee.is_undefined()) return absl::InvalidArgumentError(callee.undefined_message());
  return absl::InvalidArgumentError(absl::StrCat("a ", callee.TypeName(), " cannot be called"));
}

absl::StatusOr<Value> Interpreter::Visit(const FilterCall& node, Position at, Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(Value operand, Evaluate(*node.operand, scope));
  STRATA_ASSIGN_OR_RETURN(Arguments arguments, EvaluateArguments(node.arguments, at, scope));
  arguments.positional.insert(arguments.positional.begin(), std::move(operand));
  return At(at, CallFilter(node.name, arguments));
}

absl::StatusOr<Value> Interpreter::EvaluateFilters(const Expression& filters, Value text,
                                                   Scope* scope) {
  const auto& node = std::get<FilterCall>(filters.node);
  if (node.operand != nullptr) {
    STRATA_ASSIGN_OR_RETURN(text, EvaluateFilters(*node.operand, std::move(text), scope));
  }
  STRATA_ASSIGN_OR_RETURN(Arguments arguments,
                          EvaluateArguments(node.arguments, filters.at, scope));
  arguments.positional.insert(arguments.positional.begin(), std::move(text));
  return At(filters.at, CallFilter(node.name, arguments));
}

absl::StatusOr<Value> Interpreter::Visit(const TestCall& node, Position at, Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(Value operand, Evaluate(*node.operand, scope));
  STRATA_ASSIGN_OR_RETURN(Arguments arguments, EvaluateArguments(node.arguments, at, scope));
  arguments.positional.insert(arguments.positional.begin(), std::move(operand));
  const absl::StatusOr<bool> passes = CallTest(node.name, arguments);
  if (!passes.ok()) return ErrorAt(at, passes.status());
  return Value::Bool(*passes);
}

absl::StatusOr<Value> Interpreter::CallFilter(absl::string_view name, const Arguments& arguments) {
  const Filter filter = FindFilter(name);
  if (filter == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("there is no filter '", name, "'; there are ", FilterNames()));
  }
  STRATA_RETURN_IF_ERROR(heap_.Spend(Cost(arguments)));
  return filter(*this, arguments);
}

absl::StatusOr<bool> Interpreter::CallTest(absl::string_view name, const Arguments& arguments) {
  const Test test = FindTest(name);
  if (test == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("there is no test '", name, "'; there are ", TestNames()));
  }
  STRATA_RETURN_IF_ERROR(heap_.Spend(1));
  return test(*this, arguments);
}

}  // namespace strata::inference::jinja
