#include "inference/jinja/expression_parser.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "inference/jinja/make_expression.h"

namespace strata::inference::jinja {
namespace {

constexpr int kMostNested = 100;  // brackets in brackets

// Counts a level while it lives.
class Level {
 public:
  explicit Level(int* depth) : depth_(depth) { ++*depth_; }
  ~Level() { --*depth_; }
  absl::Status Check(Position at) const {
    if (*depth_ <= kMostNested) return absl::OkStatus();
    return SyntaxError(at, absl::StrCat("the expression is nested more than ", kMostNested,
                                        " deep; split it with set"));
  }

 private:
  int* const depth_;
};

}  // namespace

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseTuple() {
  const Position at = tokens_.current().at;
  STRATA_ASSIGN_OR_RETURN(ExpressionPtr first, Parse());
  if (!tokens_.IsOperator(",")) return first;
  ListLiteral tuple{{}, /*tuple=*/true};
  tuple.items.push_back(std::move(first));
  while (tokens_.SkipOperator(",") && !IsTupleEnd()) {
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr next, Parse());
    tuple.items.push_back(std::move(next));
  }
  const int height = Height(tuple.items);
  return Make(at, std::move(tuple), height);
}

bool ExpressionParser::IsTupleEnd() const {
  return tokens_.Is(TokenKind::kExpressionEnd) || tokens_.Is(TokenKind::kBlockEnd) ||
         tokens_.IsOperator(")") || tokens_.IsWord("in");
}

absl::StatusOr<ExpressionPtr> ExpressionParser::Parse() {
  const Level level(&depth_);
  STRATA_RETURN_IF_ERROR(level.Check(tokens_.current().at));
  const Position at = tokens_.current().at;
  STRATA_ASSIGN_OR_RETURN(ExpressionPtr value, ParseOr());
  while (tokens_.SkipWord("if")) {
    Conditional conditional;
    STRATA_ASSIGN_OR_RETURN(conditional.condition, ParseOr());
    conditional.then = std::move(value);
    if (tokens_.SkipWord("else")) {
      STRATA_ASSIGN_OR_RETURN(conditional.otherwise, Parse());
    }
    const int height = std::max(
        {Height(conditional.condition), Height(conditional.then), Height(conditional.otherwise)});
    STRATA_ASSIGN_OR_RETURN(value, Make(at, std::move(conditional), height));
  }
  return value;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseWithoutConditional() {
  const Position at = tokens_.current().at;
  STRATA_ASSIGN_OR_RETURN(ExpressionPtr first, ParseOr());
  if (!tokens_.IsOperator(",")) return first;
  ListLiteral tuple{{}, /*tuple=*/true};
  tuple.items.push_back(std::move(first));
  while (tokens_.SkipOperator(",") && !IsTupleEnd()) {
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr next, ParseOr());
    tuple.items.push_back(std::move(next));
  }
  const int height = Height(tuple.items);
  return Make(at, std::move(tuple), height);
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseOr() {
  STRATA_ASSIGN_OR_RETURN(ExpressionPtr left, ParseAnd());
  while (tokens_.IsWord("or")) {
    const Position at = tokens_.Next().at;
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr right, ParseAnd());
    const int height = std::max(Height(left), Height(right));
    STRATA_ASSIGN_OR_RETURN(left,
                            Make(at, Logic{false, std::move(left), std::move(right)}, height));
  }
  return left;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseAnd() {
  STRATA_ASSIGN_OR_RETURN(ExpressionPtr left, ParseNot());
  while (tokens_.IsWord("and")) {
    const Position at = tokens_.Next().at;
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr right, ParseNot());
    const int height = std::max(Height(left), Height(right));
    STRATA_ASSIGN_OR_RETURN(left, Make(at, Logic{true, std::move(left), std::move(right)}, height));
  }
  return left;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseNot() {
  if (!tokens_.IsWord("not")) return ParseComparison();
  const Level level(&depth_);
  const Position at = tokens_.Next().at;
  STRATA_RETURN_IF_ERROR(level.Check(at));
  STRATA_ASSIGN_OR_RETURN(ExpressionPtr operand, ParseNot());
  const int height = Height(operand);
  return Make(at, Not{std::move(operand)}, height);
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseComparison() {
  static constexpr std::pair<absl::string_view, Relation> kRelations[] = {
      {"==", Relation::kEqual},     {"!=", Relation::kNotEqual}, {"<", Relation::kLess},
      {"<=", Relation::kLessEqual}, {">", Relation::kGreater},   {">=", Relation::kGreaterEqual}};
  const Position at = tokens_.current().at;
  STRATA_ASSIGN_OR_RETURN(ExpressionPtr first, ParseSum());
  Comparison comparison;
  int height = Height(first);
  while (true) {
    const auto* symbol =
        std::find_if(std::begin(kRelations), std::end(kRelations),
                     [this](const auto& entry) { return tokens_.IsOperator(entry.first); });
    Relation relation;
    if (symbol != std::end(kRelations)) {
      relation = symbol->second;
      tokens_.Next();
    } else if (tokens_.SkipWord("in")) {
      relation = Relation::kIn;
    } else if (tokens_.IsWord("not") && tokens_.ahead().kind == TokenKind::kName &&
               tokens_.ahead().text == "in") {
      relation = Relation::kNotIn;
      tokens_.Next();
      tokens_.Next();
    } else {
      break;
    }
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr right, ParseSum());
    height = std::max(height, Height(right));
    comparison.rest.emplace_back(relation, std::move(right));
  }
  if (comparison.rest.empty()) return first;
  comparison.first = std::move(first);
  return Make(at, std::move(comparison), height);
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseSum() {
  STRATA_ASSIGN_OR_RETURN(ExpressionPtr left, ParseConcat());
  while (tokens_.IsOperator("+") || tokens_.IsOperator("-")) {
    const Token token = tokens_.Next();
    const auto op = token.text == "+" ? BinaryOperator::kAdd : BinaryOperator::kSubtract;
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr right, ParseConcat());
    const int height = std::max(Height(left), Height(right));
    STRATA_ASSIGN_OR_RETURN(left,
                            Make(token.at, Binary{op, std::move(left), std::move(right)}, height));
  }
  return left;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseConcat() {
  const Position at = tokens_.current().at;
  STRATA_ASSIGN_OR_RETURN(ExpressionPtr first, ParseProduct());
  if (!tokens_.IsOperator("~")) return first;
  Concat concat;
  concat.parts.push_back(std::move(first));
  while (tokens_.SkipOperator("~")) {
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr next, ParseProduct());
    concat.parts.push_back(std::move(next));
  }
  const int height = Height(concat.parts);
  return Make(at, std::move(concat), height);
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseProduct() {
  static constexpr std::pair<absl::string_view, BinaryOperator> kProducts[] = {
      {"*", BinaryOperator::kMultiply},
      {"/", BinaryOperator::kDivide},
      {"//", BinaryOperator::kFloorDivide},
      {"%", BinaryOperator::kModulo}};
  STRATA_ASSIGN_OR_RETURN(ExpressionPtr left, ParsePower());
  while (true) {
    const auto* symbol =
        std::find_if(std::begin(kProducts), std::end(kProducts),
                     [this](const auto& entry) { return tokens_.IsOperator(entry.first); });
    if (symbol == std::end(kProducts)) return left;
    const Position at = tokens_.Next().at;
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr right, ParsePower());
    const int height = std::max(Height(left), Height(right));
    STRATA_ASSIGN_OR_RETURN(
        left, Make(at, Binary{symbol->second, std::move(left), std::move(right)}, height));
  }
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParsePower() {
  STRATA_ASSIGN_OR_RETURN(ExpressionPtr left, ParseUnary(true));
  while (tokens_.IsOperator("**")) {
    const Position at = tokens_.Next().at;
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr right, ParseUnary(true));
    const int height = std::max(Height(left), Height(right));
    STRATA_ASSIGN_OR_RETURN(
        left, Make(at, Binary{BinaryOperator::kPower, std::move(left), std::move(right)}, height));
  }
  return left;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseUnary(bool with_filters) {
  const Level level(&depth_);
  STRATA_RETURN_IF_ERROR(level.Check(tokens_.current().at));
  ExpressionPtr value;
  if (tokens_.IsOperator("-") || tokens_.IsOperator("+")) {
    const Token token = tokens_.Next();
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr operand, ParseUnary(false));
    const int height = Height(operand);
    STRATA_ASSIGN_OR_RETURN(value,
                            Make(token.at, Sign{token.text == "-", std::move(operand)}, height));
  } else {
    STRATA_ASSIGN_OR_RETURN(value, ParsePrimary());
  }
  STRATA_ASSIGN_OR_RETURN(value, ParsePostfix(std::move(value)));
  return with_filters ? ParseFiltersAndTests(std::move(value)) : std::move(value);
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParsePrimary() {
  const Position at = tokens_.current().at;
  switch (tokens_.current().kind) {
    case TokenKind::kName:
      return ParseName();
    case TokenKind::kString: {
      std::string text = tokens_.Next().text;
      while (tokens_.Is(TokenKind::kString)) text += tokens_.Next().text;
      return MakeLiteral(at, Value::Constant(Text(text, Origin::kTemplate)));
    }
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return ParseNumber();
    default:
      break;
  }
  if (tokens_.SkipOperator("(")) return ParseParentheses();
  if (tokens_.SkipOperator("[")) return ParseList();
  if (tokens_.SkipOperator("{")) return ParseDict();
  return tokens_.Unexpected("an expression");
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseName() {
  const Token token = tokens_.Next();
  const std::string& name = token.text;
  if (name == "true" || name == "True") return MakeLiteral(token.at, Value::Bool(true));
  if (name == "false" || name == "False") return MakeLiteral(token.at, Value::Bool(false));
  if (name == "none" || name == "None") return MakeLiteral(token.at, Value::None());
  if (macro_ != nullptr) {
    macro_->takes_rest |= name == "varargs";
    macro_->takes_named_rest |= name == "kwargs";
    macro_->takes_caller |= name == "caller";
  }
  return Make(token.at, Name{name}, 0);
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseNumber() {
  const Token token = tokens_.Next();
  int64_t integer = 0;
  double number = 0;
  if (token.kind == TokenKind::kInteger) {
    if (absl::SimpleAtoi(token.text, &integer)) return MakeLiteral(token.at, Value::Int(integer));
    return SyntaxError(token.at, "the integer is beyond 64 bits; write a float");
  }
  if (!absl::SimpleAtod(token.text, &number))
    return SyntaxError(token.at, absl::StrCat("'", token.text, "' is no number"));
  return MakeLiteral(token.at, Value::Float(number));
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseParentheses() {
  const Position at = tokens_.current().at;
  if (tokens_.SkipOperator(")")) return Make(at, ListLiteral{{}, /*tuple=*/true}, 0);
  STRATA_ASSIGN_OR_RETURN(ExpressionPtr value, ParseTuple());
  STRATA_RETURN_IF_ERROR(tokens_.ExpectOperator(")"));
  return value;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseList() {
  const Position at = tokens_.current().at;
  ListLiteral list{{}, /*tuple=*/false};
  while (!tokens_.IsOperator("]")) {
    if (!list.items.empty()) STRATA_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
    if (tokens_.IsOperator("]")) break;
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr item, Parse());
    list.items.push_back(std::move(item));
  }
  tokens_.Next();
  const int height = Height(list.items);
  return Make(at, std::move(list), height);
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseDict() {
  const Position at = tokens_.current().at;
  DictLiteral dict;
  int height = 0;
  while (!tokens_.IsOperator("}")) {
    if (!dict.entries.empty()) STRATA_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
    if (tokens_.IsOperator("}")) break;
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr key, Parse());
    STRATA_RETURN_IF_ERROR(tokens_.ExpectOperator(":"));
    STRATA_ASSIGN_OR_RETURN(ExpressionPtr value, Parse());
    height = std::max({height, Height(key), Height(value)});
    dict.entries.emplace_back(std::move(key), std::move(value));
  }
  tokens_.Next();
  return Make(at, std::move(dict), height);
}

}  // namespace strata::inference::jinja
