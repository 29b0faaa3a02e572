// The syntax tree of a template: what the parser gives and the interpreter walks.
#ifndef STRATA_INFERENCE_JINJA_SYNTAX_H_
#define STRATA_INFERENCE_JINJA_SYNTAX_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "inference/jinja/operators.h"
#include "inference/jinja/value.h"

namespace strata::inference::jinja {

// In the source, from 1; a column counts bytes.
struct Position {
  int line = 1, column = 1;
};

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;
struct Statement;
using Body = std::vector<Statement>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr rest, named_rest;  // *rest, **named_rest; null: none
};

// Expressions.
struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct ListLiteral {
  std::vector<ExpressionPtr> items;
  bool tuple;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
struct Not {
  ExpressionPtr operand;
};
struct Sign {
  bool negative;
  ExpressionPtr operand;
};
struct Logic {  // the value of `left` if it decides, else of `right`
  bool is_and;
  ExpressionPtr left, right;
};
struct Binary {
  BinaryOperator op;
  ExpressionPtr left, right;
};
struct Concat {
  std::vector<ExpressionPtr> parts;
};
enum class Relation { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };
struct Comparison {  // first r1 x1 r2 x2 ...: all must hold
  ExpressionPtr first;
  std::vector<std::pair<Relation, ExpressionPtr>> rest;
};
struct Conditional {
  ExpressionPtr condition, then;
  ExpressionPtr otherwise;  // null: undefined
};
struct Field {
  ExpressionPtr object;
  std::string name;
};
struct Subscript {
  ExpressionPtr object, index;
};
struct SliceOf {
  ExpressionPtr object;
  ExpressionPtr start, stop, step;  // null: not given
};
struct Call {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct FilterCall {
  ExpressionPtr operand;  // null: the body of a filter or set block
  std::string name;
  CallArguments arguments;
};
struct TestCall {
  ExpressionPtr operand;
  std::string name;
  CallArguments arguments;
};

struct Expression {
  Position at;
  int height = 1;  // of the tree below
  std::variant<Literal, Name, ListLiteral, DictLiteral, Not, Sign, Logic, Binary, Concat,
               Comparison, Conditional, Field, Subscript, SliceOf, Call, FilterCall, TestCall>
      node;
};

// What can be assigned to.
struct Target {
  Position at;
  std::string name;  // a variable; of a namespace when `field` is given
  std::optional<std::string> field;
  std::vector<Target> parts;  // a tuple, when there are any
};

struct Parameter {
  std::string name;
  ExpressionPtr otherwise;  // null: undefined
};
struct MacroDefinition {
  std::string name;
  std::vector<Parameter> parameters;
  bool takes_rest = false, takes_named_rest = false, takes_caller = false;
  Body body;
};

// Statements.
struct Output {
  ExpressionPtr value;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body otherwise;
};
struct For {
  Target target;
  ExpressionPtr items;
  ExpressionPtr condition;  // null: all
  Body body, otherwise;
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct SetBlock {
  Target target;
  ExpressionPtr filter;  // filters of the body's text, or null
  Body body;
};
struct With {
  std::vector<std::pair<Target, ExpressionPtr>> values;
  Body body;
};
struct Macro {
  MacroDefinition definition;
};
struct CallBlock {
  ExpressionPtr call;
  MacroDefinition caller;
};
struct FilterBlock {
  ExpressionPtr filter;
  Body body;
};
struct Group {  // generation: marks what the assistant said; changes nothing here
  Body body;
};
struct Break {};
struct Continue {};

struct Statement {
  Position at;
  std::variant<Output, If, For, Set, SetBlock, With, Macro, CallBlock, FilterBlock, Group, Break,
               Continue>
      node;
};

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_SYNTAX_H_
