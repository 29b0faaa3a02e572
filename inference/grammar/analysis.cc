#include "inference/grammar/analysis.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::inference::grammar {
namespace {

using Kind = Expr::Kind;

absl::Status CheckExpr(const Expr& expr, const Grammar& grammar, int depth) {
  if (depth > kMaxDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat("is nested more than ", kMaxDepth, " deep; use more rules"));
  }
  if (expr.kind == Kind::kRule &&
      (expr.rule < 0 || static_cast<size_t>(expr.rule) >= grammar.rules.size()))
    return absl::InvalidArgumentError(absl::StrCat("names rule ", expr.rule, ", which is not"));
  if (expr.kind == Kind::kRepeat &&
      (expr.parts.size() != 1 || expr.least < 0 || expr.most < expr.least)) {
    return absl::InvalidArgumentError(
        absl::StrCat("has a repetition of ", expr.least, " to ", expr.most, " times"));
  }
  for (const Expr& part : expr.parts) STRATA_RETURN_IF_ERROR(CheckExpr(part, grammar, depth + 1));
  return absl::OkStatus();
}

// The least flags with flags[r] = holds(body of r, flags). A rule is looked at again when one that it names was set.
RuleFlags LeastFixedPoint(const Grammar& grammar,
                          const std::function<bool(const Expr&, const RuleFlags&)>& holds) {
  std::vector<std::vector<int>> named_by(grammar.rules.size());
  const std::function<void(const Expr&, int)> note = [&](const Expr& expr, int by) {
    if (expr.kind == Kind::kRule) {
      std::vector<int>& names = named_by[static_cast<size_t>(expr.rule)];
      if (names.empty() || names.back() != by) names.push_back(by);  // once each
    }
    for (const Expr& part : expr.parts) note(part, by);
  };
  std::vector<int> open;
  for (size_t r = 0; r < grammar.rules.size(); ++r) {
    note(grammar.rules[r].body, static_cast<int>(r));
    open.push_back(static_cast<int>(r));
  }
  RuleFlags flags(grammar.rules.size());
  while (!open.empty()) {
    const auto r = static_cast<size_t>(open.back());
    open.pop_back();
    if (flags[r] || !holds(grammar.rules[r].body, flags)) continue;
    flags[r] = true;
    open.insert(open.end(), named_by[r].begin(), named_by[r].end());
  }
  return flags;
}

// Makes expressions without the empty text.
class NonNull {
 public:
  explicit NonNull(Grammar* grammar) : grammar_(*grammar), nullable_(NullableRules(*grammar)) {}

  absl::Status RewriteAll() {
    for (size_t r = 0; r < grammar_.rules.size(); ++r) {  // rules are added on the way
      Expr body = std::move(grammar_.rules[r].body);
      Rewrite(&body);
      grammar_.rules[r].body = std::move(body);
      if (copied_ <= kMostCopied) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("rule ", grammar_.rules[r].name,
                       ": too many repetitions inside each other of what may be empty; write "
                       "(a | b)* for (a? b*)*"));
    }
    return absl::OkStatus();
  }

 private:
  // Expressions that are written again: each level of (a? (a? (...)*)*)* doubles what is inside.
  static constexpr int64_t kMostCopied = 100'000;

  static int64_t SizeOf(const Expr& expr) {
    int64_t size = 1;
    for (const Expr& part : expr.parts) size += SizeOf(part);
    return size;
  }

  // Nothing() when it is too much, which RewriteAll() tells.
  Expr Copied(const Expr& expr) {
    if (copied_ <= kMostCopied) copied_ += SizeOf(expr);
    return copied_ <= kMostCopied ? expr : Nothing();
  }

  void Rewrite(Expr* expr) {
    for (Expr& part : expr->parts) Rewrite(&part);
    if (expr->kind != Kind::kRepeat || !IsNullable(expr->parts[0], nullable_)) return;
    expr->least = 0;
    expr->parts[0] = Of(expr->parts[0]);
  }

  Expr Of(const Expr& expr) {
    if (copied_ > kMostCopied) return Nothing();
    if (!IsNullable(expr, nullable_)) return Copied(expr);
    switch (expr.kind) {
      case Kind::kText:
      case Kind::kClass:
        return Nothing();
      case Kind::kSequence:
        return OfSequence(expr.parts);
      case Kind::kChoice: {
        std::vector<Expr> parts;
        for (const Expr& part : expr.parts) parts.push_back(Of(part));
        return Choice(std::move(parts));
      }
      case Kind::kRepeat: {
        if (expr.most == 0) return Nothing();
        return Repeat(Of(expr.parts[0]), 1, expr.most);
      }
      case Kind::kRule:
        return Rule(OfRule(expr.rule));
    }
    return Nothing();
  }

  // All parts are nullable: the first that is not empty, and the rest as it is.
  Expr OfSequence(const std::vector<Expr>& parts) {
    std::vector<Expr> choices;
    for (size_t first = 0; first < parts.size() && copied_ <= kMostCopied; ++first) {
      std::vector<Expr> rest = {Of(parts[first])};
      for (size_t i = first + 1; i < parts.size(); ++i) rest.push_back(Copied(parts[i]));
      choices.push_back(Sequence(std::move(rest)));
    }
    return Choice(std::move(choices));
  }

  int OfRule(int rule) {
    const auto known = made_.find(rule);
    if (known != made_.end()) return known->second;
    const std::string name = grammar_.rules[static_cast<size_t>(rule)].name;
    const int added = grammar_.Add(name);
    made_[rule] = added;
    nullable_.push_back(false);
    Expr body = Of(Body(rule));
    grammar_.rules[static_cast<size_t>(added)].body = std::move(body);
    return added;
  }

  // RewriteAll() holds the body that it works on.
  const Expr& Body(int rule) const { return original_.rules[static_cast<size_t>(rule)].body; }

  Grammar& grammar_;
  const Grammar original_ = grammar_;
  RuleFlags nullable_;
  std::map<int, int> made_;
  int64_t copied_ = 0;
};

// The rules that a rule may begin with.
void LeftCorners(const Expr& expr, const RuleFlags& nullable, std::vector<int>* rules) {
  if (expr.kind == Kind::kRule) rules->push_back(expr.rule);
  if (expr.kind == Kind::kRepeat && expr.most == 0) return;
  for (const Expr& part : expr.parts) {
    LeftCorners(part, nullable, rules);
    if (expr.kind == Kind::kSequence && !IsNullable(part, nullable)) return;
  }
}

// Depth-first over the left corners of rules.
class LeftRecursion {
 public:
  explicit LeftRecursion(const Grammar& grammar)
      : grammar_(grammar),
        nullable_(NullableRules(grammar)),
        height_(grammar.rules.size(), kUnseen) {}

  absl::Status Check() {
    for (size_t r = 0; r < grammar_.rules.size(); ++r)
      STRATA_RETURN_IF_ERROR(Visit(static_cast<int>(r)));
    return absl::OkStatus();
  }

 private:
  static constexpr int kUnseen = -1, kOpen = -2;

  absl::Status Visit(int rule) {
    int& height = height_[static_cast<size_t>(rule)];
    if (height >= 0) return absl::OkStatus();
    if (height == kOpen) return Cycle(rule);
    if (path_.size() >= kMaxCorners) return TooDeep();
    height = kOpen;
    path_.push_back(rule);
    std::vector<int> corners;
    LeftCorners(grammar_.rules[static_cast<size_t>(rule)].body, nullable_, &corners);
    int highest = 0;
    for (int corner : corners) {
      STRATA_RETURN_IF_ERROR(Visit(corner));
      highest = std::max(highest, 1 + height_[static_cast<size_t>(corner)]);
    }
    if (highest >= kMaxCorners) return TooDeep();
    path_.pop_back();
    height = highest;
    return absl::OkStatus();
  }

  absl::Status TooDeep() const {
    return absl::InvalidArgumentError(absl::StrCat("rule ", Name(path_.back()), ": more than ",
                                                   kMaxCorners, " rules begin with each other"));
  }

  absl::Status Cycle(int rule) const {
    std::string way;
    for (auto it = std::find(path_.begin(), path_.end(), rule); it != path_.end(); ++it)
      absl::StrAppend(&way, Name(*it), " -> ");
    return absl::InvalidArgumentError(
        absl::StrCat("rule ", Name(rule), ": is left recursive (", way, Name(rule),
                     "); write a repetition, such as a ::= b (\"+\" b)*"));
  }

  const std::string& Name(int rule) const { return grammar_.rules[static_cast<size_t>(rule)].name; }

  const Grammar& grammar_;
  const RuleFlags nullable_;
  std::vector<int> height_;  // the longest way down
  std::vector<int> path_;
};

// Sizes of rules written out; too large where a rule is in use or repeats for long.
class Weights {
 public:
  static constexpr int kMost = 64;

  explicit Weights(const Grammar& grammar)
      : grammar_(grammar), weights_(grammar.rules.size(), kUnknown) {}

  int OfRule(int rule, int depth = 0) {
    int& weight = weights_[static_cast<size_t>(rule)];
    if (weight != kUnknown) return weight;
    if (depth > kDeepest) return kMost + 1;
    weight = kMost + 1;  // for itself
    return weight = Of(grammar_.rules[static_cast<size_t>(rule)].body, depth);
  }

 private:
  static constexpr int kUnknown = -1, kShort = 8, kDeepest = 16;

  int Of(const Expr& expr, int depth) {
    if (expr.kind == Kind::kRule) return OfRule(expr.rule, depth + 1);
    if (expr.kind == Kind::kRepeat && expr.most > kShort) return kMost + 1;
    size_t weight = expr.text.size() + 4 * expr.ranges.size();
    for (const Expr& part : expr.parts) weight += 1 + static_cast<size_t>(Of(part, depth));
    return static_cast<int>(std::min<size_t>(weight, kMost + 1));
  }

  const Grammar& grammar_;
  std::vector<int> weights_;
};

}  // namespace

absl::Status CheckShape(const Grammar& grammar) {
  if (grammar.rules.empty()) return absl::InvalidArgumentError("the grammar has no rule");
  for (const Grammar::NamedRule& rule : grammar.rules) {
    const absl::Status status = CheckExpr(rule.body, grammar, 0);
    if (!status.ok())
      return absl::InvalidArgumentError(absl::StrCat("rule ", rule.name, ": ", status.message()));
  }
  return absl::OkStatus();
}

bool IsNullable(const Expr& expr, const RuleFlags& rules) {
  const auto nullable = [&](const Expr& part) { return IsNullable(part, rules); };
  switch (expr.kind) {
    case Kind::kText:
      return expr.text.empty();
    case Kind::kClass:
      return false;
    case Kind::kSequence:
      return std::all_of(expr.parts.begin(), expr.parts.end(), nullable);
    case Kind::kChoice:
      return std::any_of(expr.parts.begin(), expr.parts.end(), nullable);
    case Kind::kRepeat:
      return expr.least == 0 || nullable(expr.parts[0]);
    case Kind::kRule:
      return rules[static_cast<size_t>(expr.rule)];
  }
  return false;
}

RuleFlags NullableRules(const Grammar& grammar) { return LeastFixedPoint(grammar, IsNullable); }

bool IsProductive(const Expr& expr, const RuleFlags& rules) {
  const auto productive = [&](const Expr& part) { return IsProductive(part, rules); };
  switch (expr.kind) {
    case Kind::kText:
      return true;
    case Kind::kClass:
      return std::any_of(expr.ranges.begin(), expr.ranges.end(), [](const CodeRange& range) {
        return range.first <= range.last && (range.first < 0xd800 || range.last > 0xdfff);
      });
    case Kind::kSequence:
      return std::all_of(expr.parts.begin(), expr.parts.end(), productive);
    case Kind::kChoice:
      return std::any_of(expr.parts.begin(), expr.parts.end(), productive);
    case Kind::kRepeat:
      return expr.least == 0 || productive(expr.parts[0]);
    case Kind::kRule:
      return rules[static_cast<size_t>(expr.rule)];
  }
  return false;
}

RuleFlags ProductiveRules(const Grammar& grammar) { return LeastFixedPoint(grammar, IsProductive); }

absl::Status MakeRepetitionsNonNullable(Grammar* grammar) { return NonNull(grammar).RewriteAll(); }

absl::Status CheckLeftRecursion(const Grammar& grammar) { return LeftRecursion(grammar).Check(); }

RuleFlags SmallRules(const Grammar& grammar) {
  Weights weights(grammar);
  RuleFlags small(grammar.rules.size());
  for (size_t r = 0; r < small.size(); ++r)
    small[r] = weights.OfRule(static_cast<int>(r)) <= Weights::kMost;
  return small;
}

}  // namespace strata::inference::grammar
