// ExpressionParser: the expressions of a template; a part of the parser.
//
// By binding, loosest first: `a if b else c`, or, and, not, comparisons and `in`, + -, ~, * / // %, **, signs, then
// calls, fields, items, filters (|) and tests (is).
#ifndef STRATA_INFERENCE_JINJA_EXPRESSION_PARSER_H_
#define STRATA_INFERENCE_JINJA_EXPRESSION_PARSER_H_

#include <vector>

#include "inference/jinja/syntax.h"
#include "inference/jinja/token_stream.h"

namespace strata::inference::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream* tokens) : tokens_(*tokens) {}

  // One expression, or several with commas between: a tuple.
  absl::StatusOr<ExpressionPtr> ParseTuple();
  absl::StatusOr<ExpressionPtr> Parse();
  // The same without a conditional: the items of a for, before its `if`.
  absl::StatusOr<ExpressionPtr> ParseWithoutConditional();
  // Name, filter, filter: what stands after `filter` and in a block set. `operand` may be null.
  absl::StatusOr<ExpressionPtr> ParseFilters(ExpressionPtr operand);
  absl::StatusOr<ExpressionPtr> ParseFilterName(ExpressionPtr operand);

  // Marks a macro whose body is being parsed, as names tell what it takes beyond its parameters. Null: none.
  MacroDefinition* EnterMacro(MacroDefinition* macro) { return std::exchange(macro_, macro); }

 private:
  absl::StatusOr<ExpressionPtr> ParseOr();
  absl::StatusOr<ExpressionPtr> ParseAnd();
  absl::StatusOr<ExpressionPtr> ParseNot();
  absl::StatusOr<ExpressionPtr> ParseComparison();
  absl::StatusOr<ExpressionPtr> ParseSum();
  absl::StatusOr<ExpressionPtr> ParseConcat();
  absl::StatusOr<ExpressionPtr> ParseProduct();
  absl::StatusOr<ExpressionPtr> ParsePower();
  absl::StatusOr<ExpressionPtr> ParseUnary(bool with_filters);
  absl::StatusOr<ExpressionPtr> ParsePrimary();
  absl::StatusOr<ExpressionPtr> ParsePostfix(ExpressionPtr value);
  absl::StatusOr<ExpressionPtr> ParseFiltersAndTests(ExpressionPtr value);
  absl::StatusOr<ExpressionPtr> ParseTest(ExpressionPtr value);
  absl::StatusOr<ExpressionPtr> ParseField(ExpressionPtr value);
  absl::StatusOr<ExpressionPtr> ParseSubscript(ExpressionPtr value);
  absl::StatusOr<ExpressionPtr> ParseCall(ExpressionPtr value);
  absl::StatusOr<CallArguments> ParseArguments();
  absl::StatusOr<ExpressionPtr> ParseName();
  absl::StatusOr<ExpressionPtr> ParseNumber();
  absl::StatusOr<ExpressionPtr> ParseParentheses();
  absl::StatusOr<ExpressionPtr> ParseList();
  absl::StatusOr<ExpressionPtr> ParseDict();
  bool IsTupleEnd() const;

  TokenStream& tokens_;
  MacroDefinition* macro_ = nullptr;
  int depth_ = 0;
};

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_EXPRESSION_PARSER_H_
