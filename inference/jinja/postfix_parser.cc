// What follows a value: fields, items, slices, calls, filters and tests. A part of ExpressionParser.
#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "inference/jinja/expression_parser.h"
#include "inference/jinja/make_expression.h"

namespace strata::inference::jinja {

absl::StatusOr<ExpressionPtr> ExpressionParser::ParsePostfix(ExpressionPtr value) {
  while (true) {
    if (tokens_.IsOperator(".")) {
      STRATA_ASSIGN_OR_RETURN(value, ParseField(std::move(value)));
    } else if (tokens_.IsOperator("[")) {
      STRATA_ASSIGN_OR_RETURN(value, ParseSubscript(std::move(value)));
    } else if (tokens_.IsOperator("(")) {
      STRATA_ASSIGN_OR_RETURN(value, ParseCall(std::move(value)));
    } else {
      return value;
    }
  }
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseFiltersAndTests(ExpressionPtr value) {
  while (true) {
    if (tokens_.IsOperator("|")) {
      STRATA_ASSIGN_OR_RETURN(value, ParseFilters(std::move(value)));
    } else if (tokens_.IsWord("is")) {
      STRATA_ASSIGN_OR_RETURN(value, ParseTest(std::move(value)));
    } else if (tokens_.IsOperator("(")) {
      STRATA_ASSIGN_OR_RETURN(value, ParseCall(std::move(value)));
    } else {
      return value;
    }
  }
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseField(ExpressionPtr value) {
  const Position at = tokens_.Next().at;
  const int height = Height(value);
  if (tokens_.Is(TokenKind::kInteger)) {
    int64_t index = 0;
    if (!absl::SimpleAtoi(tokens_.Next().text, &index))
      return SyntaxError(at, "the index is beyond 64 bits");
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr literal, MakeLiteral(at, Value::Int(index)));
    return Make(at, Subscript{std::move(value), std::move(literal)}, height);
  }
  STRATA_ASSIGN_OR_RETURN(std::string name, tokens_.ExpectName("a name or a number after '.'"));
  return Make(at, Field{std::move(value), std::move(name)}, height);
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseSubscript(ExpressionPtr value) {
  const Position at = tokens_.Next().at;
  ExpressionPtr bounds[3];
  int given = 0;
  bool slice = false;
  for (; given < 3; ++given) {
    if (!tokens_.IsOperator(":") && !tokens_.IsOperator("]")) {
      STRATA_ASSIGN_OR_RETURN(bounds[given], Parse());
    }
    if (given == 2 || !tokens_.SkipOperator(":")) break;
    slice = true;
  }
  STRATA_RETURN_IF_ERROR(tokens_.ExpectOperator("]"));
  const int height =
      std::max({Height(value), Height(bounds[0]), Height(bounds[1]), Height(bounds[2])});
  if (slice) {
    return Make(
        at,
        SliceOf{std::move(value), std::move(bounds[0]), std::move(bounds[1]), std::move(bounds[2])},
        height);
  }
  if (bounds[0] == nullptr) return SyntaxError(at, "the brackets are empty; give an index");
  return Make(at, Subscript{std::move(value), std::move(bounds[0])}, height);
}

absl::StatusOr<CallArguments> ExpressionParser::ParseArguments() {
  CallArguments arguments;
  const Position at = tokens_.current().at;
  STRATA_RETURN_IF_ERROR(tokens_.ExpectOperator("("));
  bool first = true;
  while (!tokens_.IsOperator(")")) {
    if (!first) STRATA_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
    first = false;
    if (tokens_.IsOperator(")")) break;
    const bool named = tokens_.Is(TokenKind::kName) &&
                       tokens_.ahead().kind == TokenKind::kOperator && tokens_.ahead().text == "=";
    if (tokens_.IsOperator("*") || tokens_.IsOperator("**")) {
      ExpressionPtr& rest = tokens_.Next().text == "*" ? arguments.rest : arguments.named_rest;
      if (rest != nullptr) return SyntaxError(at, "a call may spread one list and one dict only");
      STRATA_ASSIGN_OR_RETURN(rest, Parse());
    } else if (named) {
      std::string name = tokens_.Next().text;
      tokens_.Next();
      STRATA_ASSIGN_OR_RETURN(ExpressionPtr value, Parse());
      arguments.named.emplace_back(std::move(name), std::move(value));
    } else {
      if (!arguments.named.empty() || arguments.rest != nullptr || arguments.named_rest != nullptr)
        return SyntaxError(tokens_.current().at, "arguments without a name must come first");
      STRATA_ASSIGN_OR_RETURN(ExpressionPtr value, Parse());
      arguments.positional.push_back(std::move(value));
    }
  }
  tokens_.Next();
  return arguments;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseCall(ExpressionPtr value) {
  const Position at = tokens_.current().at;
  STRATA_ASSIGN_OR_RETURN(CallArguments arguments, ParseArguments());
  const int height = std::max(Height(value), Height(arguments));
  return Make(at, Call{std::move(value), std::move(arguments)}, height);
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseFilters(ExpressionPtr operand) {
  while (tokens_.SkipOperator("|")) {
    STRATA_ASSIGN_OR_RETURN(operand, ParseFilterName(std::move(operand)));
  }
  return operand;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseFilterName(ExpressionPtr operand) {
  const Position at = tokens_.current().at;
  STRATA_ASSIGN_OR_RETURN(std::string name, tokens_.ExpectName("the name of a filter"));
  CallArguments arguments;
  if (tokens_.IsOperator("(")) {
    STRATA_ASSIGN_OR_RETURN(arguments, ParseArguments());
  }
  const int height = std::max(Height(operand), Height(arguments));
  return Make(at, FilterCall{std::move(operand), std::move(name), std::move(arguments)}, height);
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseTest(ExpressionPtr value) {
  const Position at = tokens_.Next().at;
  const bool negated = tokens_.SkipWord("not");
  STRATA_ASSIGN_OR_RETURN(std::string name, tokens_.ExpectName("the name of a test after 'is'"));
  CallArguments arguments;
  const TokenKind next = tokens_.current().kind;
  const bool bracket = tokens_.IsOperator("[") || tokens_.IsOperator("{");
  const bool word = next == TokenKind::kName && !tokens_.IsWord("else") && !tokens_.IsWord("or") &&
                    !tokens_.IsWord("and");
  // Words that cannot begin an argument end the test, as Jinja reads `x is defined if ...` and `not in`.
  const bool ends = tokens_.IsWord("if") || tokens_.IsWord("in") || tokens_.IsWord("not");
  if (tokens_.IsOperator("(")) {
    STRATA_ASSIGN_OR_RETURN(arguments, ParseArguments());
  } else if (tokens_.IsWord("is")) {
    return SyntaxError(tokens_.current().at, "tests cannot follow each other; join them with and");
  } else if (bracket || (word && !ends) || next == TokenKind::kString ||
             next == TokenKind::kInteger || next == TokenKind::kFloat) {
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr argument, ParsePrimary());
    STRATA_ASSIGN_OR_RETURN(argument, ParsePostfix(std::move(argument)));
    arguments.positional.push_back(std::move(argument));
  }
  int height = std::max(Height(value), Height(arguments));
  STRATA_ASSIGN_OR_RETURN(
      ExpressionPtr test,
      Make(at, TestCall{std::move(value), std::move(name), std::move(arguments)}, height));
  if (!negated) return test;
  height = Height(test);
  return Make(at, Not{std::move(test)}, height);
}

}  // namespace strata::inference::jinja
