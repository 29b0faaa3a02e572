// Nodes of the syntax tree with their heights, which are bounded so that walking a tree cannot exhaust the stack.
#ifndef STRATA_INFERENCE_JINJA_MAKE_EXPRESSION_H_
#define STRATA_INFERENCE_JINJA_MAKE_EXPRESSION_H_

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "inference/jinja/lexer.h"
#include "inference/jinja/syntax.h"

namespace strata::inference::jinja {

inline constexpr int kMostHeight = 250;  // of a tree: operators in a row count too

inline int Height(const ExpressionPtr& expression) {
  return expression == nullptr ? 0 : expression->height;
}

inline int Height(const std::vector<ExpressionPtr>& expressions) {
  int height = 0;
  for (const ExpressionPtr& expression : expressions) height = std::max(height, Height(expression));
  return height;
}

inline int Height(const CallArguments& arguments) {
  int height = std::max(
      {Height(arguments.positional), Height(arguments.rest), Height(arguments.named_rest)});
  for (const auto& [unused, value] : arguments.named) height = std::max(height, Height(value));
  return height;
}

// A node over parts of at most `height`.
template <typename Node>
absl::StatusOr<ExpressionPtr> Make(Position at, Node node, int height) {
  auto expression = std::make_unique<Expression>();
  expression->at = at;
  expression->height = height + 1;
  expression->node = std::move(node);
  if (height >= kMostHeight) {
    return SyntaxError(at, absl::StrCat("the expression has more than ", kMostHeight,
                                        " levels; split it with set"));
  }
  return expression;
}

inline absl::StatusOr<ExpressionPtr> MakeLiteral(Position at, Value value) {
  return Make(at, Literal{std::move(value)}, 0);
}

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_MAKE_EXPRESSION_H_
