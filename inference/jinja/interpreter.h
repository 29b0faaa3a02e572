// Interpreter: walks the syntax tree of a template and writes its text. Filters, tests and functions get it to reach
// the heap, the clock and each other.
#ifndef STRATA_INFERENCE_JINJA_INTERPRETER_H_
#define STRATA_INFERENCE_JINJA_INTERPRETER_H_

#include <ctime>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "inference/jinja/arguments.h"
#include "inference/jinja/syntax.h"
#include "inference/jinja/text_builder.h"
#include "inference/jinja/value.h"

namespace strata::inference::jinja {

// Variables of a block. A macro keeps the scope it was defined in.
struct Scope {
  Scope* parent = nullptr;
  bool kept = false;  // by a macro: may not be used again for another block
  absl::flat_hash_map<std::string, Value> values;
};

class Interpreter {
 public:
  using Clock = std::function<std::tm()>;

  Interpreter(Heap* heap, Clock clock) : heap_(*heap), clock_(std::move(clock)) {}

  Heap& heap() { return heap_; }
  std::tm Now() const { return clock_(); }

  // The variables of the whole template.
  Scope* globals() { return &globals_; }

  // Runs `body` on the globals. Errors name line and column.
  absl::Status Run(const Body& body, TextBuilder* out);

  // NOT_FOUND with the known names when there is none of that name.
  absl::StatusOr<Value> CallFilter(absl::string_view name, const Arguments& arguments);
  absl::StatusOr<bool> CallTest(absl::string_view name, const Arguments& arguments);
  absl::StatusOr<Value> CallValue(const Value& callee, Arguments arguments);
  absl::StatusOr<Value> CallMacro(const MacroDefinition& macro, Scope* closure,
                                  Arguments arguments);

 private:
  enum class Flow { kNext, kBreak, kContinue };
  using Evaluated = absl::StatusOr<Value>;
  using Executed = absl::StatusOr<Flow>;
  class Nesting;

  // Expressions (interpreter.cc).
  Evaluated Evaluate(const Expression& expression, Scope* scope);
  // None for null.
  Evaluated EvaluateOrNone(const ExpressionPtr& expression, Scope* scope);
  absl::StatusOr<std::vector<Value>> EvaluateAll(const std::vector<ExpressionPtr>& expressions,
                                                 Scope* scope);
  absl::StatusOr<Arguments> EvaluateArguments(const CallArguments& arguments, Position at,
                                              Scope* scope);
  Evaluated Visit(const Literal& node, Position at, Scope* scope);
  Evaluated Visit(const Name& node, Position at, Scope* scope);
  Evaluated Visit(const ListLiteral& node, Position at, Scope* scope);
  Evaluated Visit(const DictLiteral& node, Position at, Scope* scope);
  Evaluated Visit(const Not& node, Position at, Scope* scope);
  Evaluated Visit(const Sign& node, Position at, Scope* scope);
  Evaluated Visit(const Logic& node, Position at, Scope* scope);
  Evaluated Visit(const Binary& node, Position at, Scope* scope);
  Evaluated Visit(const Concat& node, Position at, Scope* scope);
  Evaluated Visit(const Comparison& node, Position at, Scope* scope);
  Evaluated Visit(const Conditional& node, Position at, Scope* scope);
  Evaluated Visit(const Field& node, Position at, Scope* scope);
  Evaluated Visit(const Subscript& node, Position at, Scope* scope);
  Evaluated Visit(const SliceOf& node, Position at, Scope* scope);
  Evaluated Visit(const Call& node, Position at, Scope* scope);
  Evaluated Visit(const FilterCall& node, Position at, Scope* scope);
  Evaluated Visit(const TestCall& node, Position at, Scope* scope);
  // `node` with `caller` for a call block (undefined: none).
  Evaluated EvaluateCall(const Call& node, Position at, const Value& caller, Scope* scope);
  absl::StatusOr<bool> Holds(Relation relation, const Value& a, const Value& b);
  // The filters of a block, on the block's text.
  Evaluated EvaluateFilters(const Expression& filters, Value text, Scope* scope);

  // Statements (statements.cc).
  Executed Execute(const Body& body, Scope* scope, TextBuilder* out);
  Executed Execute(const Statement& statement, Scope* scope, TextBuilder* out);
  Executed Visit(const Output& node, Position at, Scope* scope, TextBuilder* out);
  Executed Visit(const If& node, Position at, Scope* scope, TextBuilder* out);
  Executed Visit(const For& node, Position at, Scope* scope, TextBuilder* out);
  Executed Visit(const Set& node, Position at, Scope* scope, TextBuilder* out);
  Executed Visit(const SetBlock& node, Position at, Scope* scope, TextBuilder* out);
  Executed Visit(const With& node, Position at, Scope* scope, TextBuilder* out);
  Executed Visit(const Macro& node, Position at, Scope* scope, TextBuilder* out);
  Executed Visit(const CallBlock& node, Position at, Scope* scope, TextBuilder* out);
  Executed Visit(const FilterBlock& node, Position at, Scope* scope, TextBuilder* out);
  Executed Visit(const Group& node, Position at, Scope* scope, TextBuilder* out);
  Executed Visit(const Break& node, Position at, Scope* scope, TextBuilder* out);
  Executed Visit(const Continue& node, Position at, Scope* scope, TextBuilder* out);
  absl::StatusOr<std::vector<Value>> LoopItems(const For& node, Position at, Scope* scope);
  // The text of a block in a scope of its own.
  Evaluated Capture(const Body& body, Scope* scope);
  absl::Status Assign(const Target& target, const Value& value, Scope* scope);
  Value NewMacro(const MacroDefinition& definition, Scope* scope);

  Scope* NewScope(Scope* parent);
  void Release(Scope* scope);

  Heap& heap_;
  const Clock clock_;
  Scope globals_;
  std::deque<Scope> scopes_;
  std::vector<Scope*> free_scopes_;
  int nesting_ = 0;
};

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_INTERPRETER_H_
