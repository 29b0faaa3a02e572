#include "inference/jinja/parser.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "absl/strings/str_join.h"
#include "inference/jinja/expression_parser.h"
#include "inference/jinja/make_expression.h"

namespace strata::inference::jinja {
namespace {

constexpr int kMostBlocks = 100;  // blocks in blocks

using Words = std::initializer_list<absl::string_view>;

class StatementParser {
 public:
  explicit StatementParser(std::vector<Token> tokens)
      : tokens_(std::move(tokens)), expressions_(&tokens_) {}

  absl::StatusOr<Body> ParseTemplate() { return ParseBody({}, Position{}); }

 private:
  using Parsed = absl::StatusOr<Statement>;

  // Statements up to a block that begins with one of `ends` (none: to the end of the template); the word is the current
  // token then. `opened`: where the block began that they belong to.
  absl::StatusOr<Body> ParseBody(Words ends, Position opened);
  // The same, and the end of that block.
  absl::StatusOr<Body> ParseBodyUpTo(absl::string_view end, Position opened);
  absl::StatusOr<Body> ParseBlocks(Words ends, Position opened);
  Parsed ParseStatement();
  Parsed ParseIf(Position at);
  Parsed ParseFor(Position at);
  Parsed ParseSet(Position at);
  Parsed ParseWith(Position at);
  Parsed ParseMacro(Position at);
  Parsed ParseCallBlock(Position at);
  Parsed ParseFilterBlock(Position at);
  Parsed ParseGeneration(Position at);
  Parsed ParseLoopControl(Position at, bool is_break);
  absl::Status ParseParameters(MacroDefinition* macro);
  absl::Status ParseMacroBody(absl::string_view end, Position at, MacroDefinition* macro);
  absl::StatusOr<Target> ParseTarget();
  absl::StatusOr<Target> ParseOneTarget(int depth);
  absl::StatusOr<Target> ParseTargets(int depth);
  absl::Status EndBlock() { return tokens_.Expect(TokenKind::kBlockEnd, "'%}'"); }

  TokenStream tokens_;
  ExpressionParser expressions_;
  int depth_ = 0;
  int loops_ = 0;  // around the current statement, within its macro
};

absl::StatusOr<Body> StatementParser::ParseBody(Words ends, Position opened) {
  if (++depth_ > kMostBlocks) {
    return SyntaxError(opened, absl::StrCat("blocks are nested more than ", kMostBlocks,
                                            " deep; split the template with macros"));
  }
  absl::StatusOr<Body> body = ParseBlocks(ends, opened);
  --depth_;
  return body;
}

absl::StatusOr<Body> StatementParser::ParseBlocks(Words ends, Position opened) {
  Body body;
  while (!tokens_.Is(TokenKind::kEnd)) {
    const Position at = tokens_.current().at;
    if (tokens_.Is(TokenKind::kText)) {
      Value text = Value::Constant(Text(tokens_.Next().text, Origin::kTemplate));
      STRATA_ASSIGN_OR_RETURN(ExpressionPtr literal, MakeLiteral(at, std::move(text)));
      body.push_back({at, Output{std::move(literal)}});
    } else if (tokens_.Is(TokenKind::kExpressionBegin)) {
      tokens_.Next();
      STRATA_ASSIGN_OR_RETURN(ExpressionPtr value, expressions_.ParseTuple());
      STRATA_RETURN_IF_ERROR(tokens_.Expect(TokenKind::kExpressionEnd, "'}}'"));
      body.push_back({at, Output{std::move(value)}});
    } else {
      STRATA_RETURN_IF_ERROR(tokens_.Expect(TokenKind::kBlockBegin, "'{%'"));
      const bool ended = std::any_of(ends.begin(), ends.end(),
                                     [this](absl::string_view end) { return tokens_.IsWord(end); });
      if (ended) return body;
      STRATA_ASSIGN_OR_RETURN(Statement statement, ParseStatement());
      body.push_back(std::move(statement));
    }
  }
  if (ends.size() == 0) return body;
  return SyntaxError(opened, absl::StrCat("the block never ends; close it with {% ",
                                          absl::StrJoin(ends, " %} or {% "), " %}"));
}

absl::StatusOr<Body> StatementParser::ParseBodyUpTo(absl::string_view end, Position opened) {
  STRATA_ASSIGN_OR_RETURN(Body body, ParseBody({end}, opened));
  tokens_.Next();
  STRATA_RETURN_IF_ERROR(EndBlock());
  return body;
}

StatementParser::Parsed StatementParser::ParseStatement() {
  const Position at = tokens_.current().at;
  if (tokens_.SkipWord("if")) return ParseIf(at);
  if (tokens_.SkipWord("for")) return ParseFor(at);
  if (tokens_.SkipWord("set")) return ParseSet(at);
  if (tokens_.SkipWord("with")) return ParseWith(at);
  if (tokens_.SkipWord("macro")) return ParseMacro(at);
  if (tokens_.SkipWord("call")) return ParseCallBlock(at);
  if (tokens_.SkipWord("filter")) return ParseFilterBlock(at);
  if (tokens_.SkipWord("generation")) return ParseGeneration(at);
  if (tokens_.SkipWord("break")) return ParseLoopControl(at, /*is_break=*/true);
  if (tokens_.SkipWord("continue")) return ParseLoopControl(at, /*is_break=*/false);
  return tokens_.Unexpected(
      "if, for, set, with, macro, call, filter, generation, raw, break or continue");
}

StatementParser::Parsed StatementParser::ParseIf(Position at) {
  If node;
  do {
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr condition, expressions_.ParseTuple());
    STRATA_RETURN_IF_ERROR(EndBlock());
    STRATA_ASSIGN_OR_RETURN(Body body, ParseBody({"elif", "else", "endif"}, at));
    node.branches.emplace_back(std::move(condition), std::move(body));
  } while (tokens_.SkipWord("elif"));
  if (tokens_.SkipWord("else")) {
    STRATA_RETURN_IF_ERROR(EndBlock());
    STRATA_ASSIGN_OR_RETURN(node.otherwise, ParseBody({"endif"}, at));
  }
  tokens_.Next();  // endif
  STRATA_RETURN_IF_ERROR(EndBlock());
  return Statement{at, std::move(node)};
}

StatementParser::Parsed StatementParser::ParseFor(Position at) {
  For node;
  STRATA_ASSIGN_OR_RETURN(node.target, ParseTarget());
  STRATA_RETURN_IF_ERROR(tokens_.ExpectWord("in"));
  STRATA_ASSIGN_OR_RETURN(node.items, expressions_.ParseWithoutConditional());
  if (tokens_.SkipWord("if")) {
    STRATA_ASSIGN_OR_RETURN(node.condition, expressions_.Parse());
  }
  if (tokens_.IsWord("recursive"))
    return SyntaxError(tokens_.current().at, "recursive loops are not supported; use a macro");
  STRATA_RETURN_IF_ERROR(EndBlock());
  ++loops_;
  STRATA_ASSIGN_OR_RETURN(node.body, ParseBody({"else", "endfor"}, at));
  --loops_;
  if (tokens_.SkipWord("else")) {
    STRATA_RETURN_IF_ERROR(EndBlock());
    STRATA_ASSIGN_OR_RETURN(node.otherwise, ParseBody({"endfor"}, at));
  }
  tokens_.Next();  // endfor
  STRATA_RETURN_IF_ERROR(EndBlock());
  return Statement{at, std::move(node)};
}

StatementParser::Parsed StatementParser::ParseSet(Position at) {
  STRATA_ASSIGN_OR_RETURN(Target target, ParseTarget());
  if (tokens_.SkipOperator("=")) {
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr value, expressions_.ParseTuple());
    STRATA_RETURN_IF_ERROR(EndBlock());
    return Statement{at, Set{std::move(target), std::move(value)}};
  }
  SetBlock node;
  node.target = std::move(target);
  STRATA_ASSIGN_OR_RETURN(node.filter, expressions_.ParseFilters(nullptr));
  STRATA_RETURN_IF_ERROR(EndBlock());
  STRATA_ASSIGN_OR_RETURN(node.body, ParseBodyUpTo("endset", at));
  return Statement{at, std::move(node)};
}

StatementParser::Parsed StatementParser::ParseWith(Position at) {
  With node;
  while (!tokens_.Is(TokenKind::kBlockEnd)) {
    if (!node.values.empty()) STRATA_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
    STRATA_ASSIGN_OR_RETURN(Target target, ParseOneTarget(0));
    STRATA_RETURN_IF_ERROR(tokens_.ExpectOperator("="));
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr value, expressions_.Parse());
    node.values.emplace_back(std::move(target), std::move(value));
  }
  STRATA_RETURN_IF_ERROR(EndBlock());
  STRATA_ASSIGN_OR_RETURN(node.body, ParseBodyUpTo("endwith", at));
  return Statement{at, std::move(node)};
}

absl::Status StatementParser::ParseParameters(MacroDefinition* macro) {
  STRATA_RETURN_IF_ERROR(tokens_.ExpectOperator("("));
  while (!tokens_.IsOperator(")")) {
    if (!macro->parameters.empty()) STRATA_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
    const Position at = tokens_.current().at;
    Parameter parameter;
    STRATA_ASSIGN_OR_RETURN(parameter.name, tokens_.ExpectName("the name of a parameter"));
    if (tokens_.SkipOperator("=")) {
      STRATA_ASSIGN_OR_RETURN(parameter.otherwise, expressions_.Parse());
    } else if (!macro->parameters.empty() && macro->parameters.back().otherwise != nullptr) {
      return SyntaxError(at, "a parameter without a default comes after one with a default");
    }
    macro->parameters.push_back(std::move(parameter));
  }
  return tokens_.ExpectOperator(")");
}

absl::Status StatementParser::ParseMacroBody(absl::string_view end, Position at,
                                             MacroDefinition* macro) {
  STRATA_RETURN_IF_ERROR(EndBlock());
  MacroDefinition* const outer = expressions_.EnterMacro(macro);
  const int loops = std::exchange(loops_, 0);
  STRATA_ASSIGN_OR_RETURN(macro->body, ParseBodyUpTo(end, at));
  loops_ = loops;
  expressions_.EnterMacro(outer);
  return absl::OkStatus();
}

StatementParser::Parsed StatementParser::ParseMacro(Position at) {
  Macro node;
  STRATA_ASSIGN_OR_RETURN(node.definition.name, tokens_.ExpectName("the name of the macro"));
  STRATA_RETURN_IF_ERROR(ParseParameters(&node.definition));
  STRATA_RETURN_IF_ERROR(ParseMacroBody("endmacro", at, &node.definition));
  return Statement{at, std::move(node)};
}

StatementParser::Parsed StatementParser::ParseCallBlock(Position at) {
  CallBlock node;
  node.caller.name = "caller";
  if (tokens_.IsOperator("(")) STRATA_RETURN_IF_ERROR(ParseParameters(&node.caller));
  const Position call = tokens_.current().at;
  STRATA_ASSIGN_OR_RETURN(node.call, expressions_.Parse());
  if (!std::holds_alternative<Call>(node.call->node))
    return SyntaxError(call, "a call block needs a call: {% call name(...) %}");
  STRATA_RETURN_IF_ERROR(ParseMacroBody("endcall", at, &node.caller));
  return Statement{at, std::move(node)};
}

StatementParser::Parsed StatementParser::ParseFilterBlock(Position at) {
  FilterBlock node;
  STRATA_ASSIGN_OR_RETURN(node.filter, expressions_.ParseFilterName(nullptr));
  STRATA_ASSIGN_OR_RETURN(node.filter, expressions_.ParseFilters(std::move(node.filter)));
  STRATA_RETURN_IF_ERROR(EndBlock());
  STRATA_ASSIGN_OR_RETURN(node.body, ParseBodyUpTo("endfilter", at));
  return Statement{at, std::move(node)};
}

StatementParser::Parsed StatementParser::ParseGeneration(Position at) {
  Group node;
  STRATA_RETURN_IF_ERROR(EndBlock());
  STRATA_ASSIGN_OR_RETURN(node.body, ParseBodyUpTo("endgeneration", at));
  return Statement{at, std::move(node)};
}

StatementParser::Parsed StatementParser::ParseLoopControl(Position at, bool is_break) {
  if (loops_ == 0)
    return SyntaxError(at, absl::StrCat(is_break ? "break" : "continue", " outside of a loop"));
  STRATA_RETURN_IF_ERROR(EndBlock());
  if (is_break) return Statement{at, Break{}};
  return Statement{at, Continue{}};
}

absl::StatusOr<Target> StatementParser::ParseTarget() { return ParseTargets(0); }

absl::StatusOr<Target> StatementParser::ParseTargets(int depth) {
  const Position at = tokens_.current().at;
  STRATA_ASSIGN_OR_RETURN(Target first, ParseOneTarget(depth));
  if (!tokens_.IsOperator(",")) return first;
  Target tuple;
  tuple.at = at;
  tuple.parts.push_back(std::move(first));
  while (tokens_.SkipOperator(",")) {
    if (!tokens_.Is(TokenKind::kName) && !tokens_.IsOperator("(")) break;
    if (tokens_.IsWord("in")) break;
    STRATA_ASSIGN_OR_RETURN(Target next, ParseOneTarget(depth));
    tuple.parts.push_back(std::move(next));
  }
  return tuple;
}

absl::StatusOr<Target> StatementParser::ParseOneTarget(int depth) {
  Target target;
  target.at = tokens_.current().at;
  if (depth > kMostBlocks) return SyntaxError(target.at, "the target is nested too deeply");
  if (tokens_.SkipOperator("(")) {
    STRATA_ASSIGN_OR_RETURN(target, ParseTargets(depth + 1));
    STRATA_RETURN_IF_ERROR(tokens_.ExpectOperator(")"));
    return target;
  }
  STRATA_ASSIGN_OR_RETURN(target.name, tokens_.ExpectName("the name of a variable"));
  static constexpr absl::string_view kConstants[] = {"true",  "True", "false",
                                                     "False", "none", "None"};
  if (std::find(std::begin(kConstants), std::end(kConstants), target.name) != std::end(kConstants))
    return SyntaxError(target.at, absl::StrCat(target.name, " cannot be assigned to"));
  if (tokens_.SkipOperator(".")) {
    STRATA_ASSIGN_OR_RETURN(target.field, tokens_.ExpectName("the name of a value of a namespace"));
  }
  return target;
}

}  // namespace

absl::StatusOr<Body> Parse(absl::string_view source) {
  STRATA_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(source));
  return StatementParser(std::move(tokens)).ParseTemplate();
}

}  // namespace strata::inference::jinja
