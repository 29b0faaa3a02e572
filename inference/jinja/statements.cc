// The statements of the Interpreter.
#include <utility>

#include "inference/jinja/access.h"
#include "inference/jinja/interpreter.h"
#include "inference/jinja/nesting.h"
#include "inference/jinja/printing.h"

namespace strata::inference::jinja {
namespace {

class MacroObject : public FunctionObject {
 public:
  MacroObject(const MacroDefinition* definition, Scope* closure)
      : definition_(*definition), closure_(closure) {}
  absl::string_view name() const override { return definition_.name; }
  absl::StatusOr<Value> Call(Interpreter& interpreter, Arguments arguments) override {
    return interpreter.CallMacro(definition_, closure_, std::move(arguments));
  }

 private:
  const MacroDefinition& definition_;
  Scope* const closure_;
};

}  // namespace

absl::Status Interpreter::Run(const Body& body, TextBuilder* out) {
  Scope* scope = NewScope(&globals_);
  return Execute(body, scope, out).status();
}

Scope* Interpreter::NewScope(Scope* parent) {
  Scope* scope = nullptr;
  if (free_scopes_.empty()) {
    scope = &scopes_.emplace_back();
    heap_.Take(sizeof(Scope));
  } else {
    scope = free_scopes_.back();
    free_scopes_.pop_back();
  }
  scope->parent = parent;
  return scope;
}

void Interpreter::Release(Scope* scope) {
  if (scope->kept) return;
  scope->values.clear();
  free_scopes_.push_back(scope);
}

absl::StatusOr<Interpreter::Flow> Interpreter::Execute(const Body& body, Scope* scope,
                                                       TextBuilder* out) {
  for (const Statement& statement : body) {
    STRATA_ASSIGN_OR_RETURN(const Flow flow, Execute(statement, scope, out));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Execute(const Statement& statement, Scope* scope,
                                                       TextBuilder* out) {
  const Nesting nesting(this);
  STRATA_RETURN_IF_ERROR(nesting.Check(statement.at));
  STRATA_RETURN_IF_ERROR(ErrorAt(statement.at, heap_.Spend(1)));
  return std::visit([&](const auto& node) { return Visit(node, statement.at, scope, out); },
                    statement.node);
}

absl::StatusOr<Interpreter::Flow> Interpreter::Visit(const Output& node, Position at, Scope* scope,
                                                     TextBuilder* out) {
  STRATA_ASSIGN_OR_RETURN(const Value value, Evaluate(*node.value, scope));
  STRATA_RETURN_IF_ERROR(ErrorAt(at, WriteValue(value, out)));
  if (out->size() <= heap_.limits().output) return Flow::kNext;
  return ErrorAt(at, absl::ResourceExhaustedError(
                         absl::StrCat("writes more than ", heap_.limits().output,
                                      " bytes; shorten the conversation or raise Limits::output")));
}

absl::StatusOr<Interpreter::Flow> Interpreter::Visit(const If& node, Position, Scope* scope,
                                                     TextBuilder* out) {
  for (const auto& [condition, body] : node.branches) {
    STRATA_ASSIGN_OR_RETURN(const Value value, Evaluate(*condition, scope));
    if (value.Truth()) return Execute(body, scope, out);
  }
  return Execute(node.otherwise, scope, out);
}

absl::StatusOr<std::vector<Value>> Interpreter::LoopItems(const For& node, Position at,
                                                          Scope* scope) {
  STRATA_ASSIGN_OR_RETURN(const Value list, Evaluate(*node.items, scope));
  absl::StatusOr<std::vector<Value>> items = Items(list, &heap_);
  if (!items.ok()) return ErrorAt(at, items.status());
  if (node.condition == nullptr) return items;
  std::vector<Value> chosen;
  for (Value& item : *items) {
    Scope* inner = NewScope(scope);
    STRATA_RETURN_IF_ERROR(Assign(node.target, item, inner));
    STRATA_ASSIGN_OR_RETURN(const Value keep, Evaluate(*node.condition, inner));
    if (keep.Truth()) chosen.push_back(std::move(item));
    Release(inner);
  }
  return chosen;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Visit(const For& node, Position at, Scope* scope,
                                                     TextBuilder* out) {
  STRATA_ASSIGN_OR_RETURN(std::vector<Value> items, LoopItems(node, at, scope));
  if (items.empty()) {
    Scope* inner = NewScope(scope);
    absl::StatusOr<Flow> flow = Execute(node.otherwise, inner, out);
    Release(inner);
    return flow;
  }
  const size_t bytes = sizeof(LoopObject) + items.size() * sizeof(Value);
  auto* loop = heap_.Own(std::make_unique<LoopObject>(std::move(items), /*depth=*/1), bytes);
  for (; loop->index < loop->items.size(); ++loop->index) {
    STRATA_RETURN_IF_ERROR(ErrorAt(at, heap_.Spend(1)));
    Scope* inner = NewScope(scope);
    inner->values["loop"] = Value::Of(loop);
    STRATA_RETURN_IF_ERROR(Assign(node.target, loop->items[loop->index], inner));
    STRATA_ASSIGN_OR_RETURN(const Flow flow, Execute(node.body, inner, out));
    Release(inner);
    if (flow == Flow::kBreak) break;
  }
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Visit(const Set& node, Position, Scope* scope,
                                                     TextBuilder*) {
  STRATA_ASSIGN_OR_RETURN(const Value value, Evaluate(*node.value, scope));
  STRATA_RETURN_IF_ERROR(Assign(node.target, value, scope));
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Visit(const SetBlock& node, Position, Scope* scope,
                                                     TextBuilder*) {
  STRATA_ASSIGN_OR_RETURN(Value text, Capture(node.body, scope));
  if (node.filter != nullptr) {
    STRATA_ASSIGN_OR_RETURN(text, EvaluateFilters(*node.filter, std::move(text), scope));
  }
  STRATA_RETURN_IF_ERROR(Assign(node.target, text, scope));
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Visit(const With& node, Position, Scope* scope,
                                                     TextBuilder* out) {
  Scope* inner = NewScope(scope);
  for (const auto& [target, expression] : node.values) {
    STRATA_ASSIGN_OR_RETURN(const Value value, Evaluate(*expression, scope));
    STRATA_RETURN_IF_ERROR(Assign(target, value, inner));
  }
  absl::StatusOr<Flow> flow = Execute(node.body, inner, out);
  Release(inner);
  return flow;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Visit(const Macro& node, Position, Scope* scope,
                                                     TextBuilder*) {
  scope->values[node.definition.name] = NewMacro(node.definition, scope);
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Visit(const CallBlock& node, Position, Scope* scope,
                                                     TextBuilder* out) {
  const auto& call = std::get<Call>(node.call->node);
  const Value caller = NewMacro(node.caller, scope);
  STRATA_ASSIGN_OR_RETURN(const Value text, EvaluateCall(call, node.call->at, caller, scope));
  STRATA_RETURN_IF_ERROR(ErrorAt(node.call->at, WriteValue(text, out)));
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Visit(const FilterBlock& node, Position at,
                                                     Scope* scope, TextBuilder* out) {
  STRATA_ASSIGN_OR_RETURN(Value text, Capture(node.body, scope));
  STRATA_ASSIGN_OR_RETURN(text, EvaluateFilters(*node.filter, std::move(text), scope));
  STRATA_RETURN_IF_ERROR(ErrorAt(at, WriteValue(text, out)));
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Visit(const Group& node, Position, Scope* scope,
                                                     TextBuilder* out) {
  return Execute(node.body, scope, out);
}

absl::StatusOr<Interpreter::Flow> Interpreter::Visit(const Break&, Position, Scope*, TextBuilder*) {
  return Flow::kBreak;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Visit(const Continue&, Position, Scope*,
                                                     TextBuilder*) {
  return Flow::kContinue;
}

absl::StatusOr<Value> Interpreter::Capture(const Body& body, Scope* scope) {
  TextBuilder text(&heap_);
  Scope* inner = NewScope(scope);
  STRATA_RETURN_IF_ERROR(Execute(body, inner, &text).status());
  Release(inner);
  return text.Finish();
}

absl::Status Interpreter::Assign(const Target& target, const Value& value, Scope* scope) {
  if (target.parts.empty() && !target.field.has_value()) {
    scope->values[target.name] = value;
    return absl::OkStatus();
  }
  if (target.field.has_value()) {
    STRATA_ASSIGN_OR_RETURN(const Value space, Visit(Name{target.name}, target.at, scope));
    if (space.kind() != Kind::kNamespace) {
      return SyntaxError(target.at,
                         absl::StrCat("'", target.name, "' is no namespace; make it with {% set ",
                                      target.name, " = namespace() %}"));
    }
    const Value key = heap_.String(*target.field, Origin::kTemplate);
    return ErrorAt(target.at, space.object<NamespaceObject>()->values->Set(key, value));
  }
  absl::StatusOr<std::vector<Value>> items = Items(value, &heap_);
  if (!items.ok()) return ErrorAt(target.at, items.status());
  if (items->size() != target.parts.size()) {
    return SyntaxError(target.at, absl::StrCat("there are ", target.parts.size(), " names for ",
                                               items->size(), " values"));
  }
  for (size_t i = 0; i < items->size(); ++i)
    STRATA_RETURN_IF_ERROR(Assign(target.parts[i], (*items)[i], scope));
  return absl::OkStatus();
}

Value Interpreter::NewMacro(const MacroDefinition& definition, Scope* scope) {
  for (Scope* kept = scope; kept != nullptr && !kept->kept; kept = kept->parent) kept->kept = true;
  return Value::Of(heap_.Own(std::make_unique<MacroObject>(&definition, scope)));
}

absl::StatusOr<Value> Interpreter::CallMacro(const MacroDefinition& macro, Scope* closure,
                                             Arguments arguments) {
  std::vector<Value> rest;
  Scope* scope = NewScope(closure);
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    if (i < macro.parameters.size()) {
      scope->values[macro.parameters[i].name] = arguments.positional[i];
    } else {
      rest.push_back(arguments.positional[i]);
    }
  }
  if (!rest.empty() && !macro.takes_rest) {
    return absl::InvalidArgumentError(absl::StrCat("macro ", macro.name, " takes at most ",
                                                   macro.parameters.size(), " arguments, not ",
                                                   arguments.positional.size()));
  }
  DictObject* named_rest = heap_.NewDict();
  for (auto& [name, value] : arguments.named) {
    bool known = name == "caller" && macro.takes_caller;
    for (const Parameter& parameter : macro.parameters) known |= parameter.name == name;
    if (!known && !macro.takes_named_rest) {
      return absl::InvalidArgumentError(
          absl::StrCat("macro ", macro.name, " has no parameter '", name, "'"));
    }
    if (known && scope->values.contains(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("macro ", macro.name, " got the parameter '", name, "' twice"));
    }
    if (known) {
      scope->values[name] = value;
    } else {
      STRATA_RETURN_IF_ERROR(named_rest->Set(heap_.String(name, Origin::kTemplate), value));
    }
  }
  for (const Parameter& parameter : macro.parameters) {
    if (scope->values.contains(parameter.name)) continue;
    Value value = Value::Undefined(absl::StrCat("parameter '", parameter.name, "' was not given"));
    if (parameter.otherwise != nullptr) {
      STRATA_ASSIGN_OR_RETURN(value, Evaluate(*parameter.otherwise, scope));
    }
    scope->values[parameter.name] = std::move(value);
  }
  if (macro.takes_caller)
    scope->values.try_emplace("caller", Value::Undefined("there is no caller; use a call block"));
  if (macro.takes_rest) scope->values["varargs"] = heap_.Tuple(std::move(rest));
  if (macro.takes_named_rest) scope->values["kwargs"] = Value::Of(named_rest);
  TextBuilder text(&heap_);
  STRATA_RETURN_IF_ERROR(Execute(macro.body, scope, &text).status());
  Release(scope);
  return text.Finish();
}

}  // namespace strata::inference::jinja
