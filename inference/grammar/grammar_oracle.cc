#include "inference/grammar/grammar_oracle.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "inference/grammar/utf8_ranges.h"

namespace strata::inference::grammar {
namespace {

using Places = std::set<size_t>;

class Oracle {
 public:
  Oracle(const Grammar& grammar, const std::string& text) : grammar_(grammar), text_(text) {}

  // Where a text of `expr` that begins at `from` can end.
  Places Ends(const Expr& expr, size_t from) {
    Places ends;
    switch (expr.kind) {
      case Expr::Kind::kText:
        if (text_.compare(from, expr.text.size(), expr.text) == 0)
          ends.insert(from + expr.text.size());
        break;
      case Expr::Kind::kClass:
        for (size_t size = 1; size <= 4 && from + size <= text_.size(); ++size)
          if (IsOfClass(expr, text_.substr(from, size))) ends.insert(from + size);
        break;
      case Expr::Kind::kSequence:
        ends = {from};
        for (const Expr& part : expr.parts) ends = EndsFromAll(part, ends);
        break;
      case Expr::Kind::kChoice:
        for (const Expr& part : expr.parts) ends.merge(Ends(part, from));
        break;
      case Expr::Kind::kRepeat: {
        Places now = {from};
        // What a part can match without moving on, it can match any number of times.
        const int64_t enough = expr.least + static_cast<int64_t>(text_.size()) + 1;
        for (int64_t times = 0; times <= std::min<int64_t>(expr.most, enough); ++times) {
          if (times >= expr.least) ends.insert(now.begin(), now.end());
          now = EndsFromAll(expr.parts[0], now);
        }
        break;
      }
      case Expr::Kind::kRule: {
        const auto key = std::make_pair(expr.rule, from);
        const auto known = known_.find(key);
        if (known != known_.end()) return known->second;
        ends = Ends(grammar_.rules[static_cast<size_t>(expr.rule)].body, from);
        known_[key] = ends;
        break;
      }
    }
    return ends;
  }

 private:
  Places EndsFromAll(const Expr& expr, const Places& from) {
    Places ends;
    for (size_t place : from) ends.merge(Ends(expr, place));
    return ends;
  }

  static bool IsOfClass(const Expr& expr, const std::string& bytes) {
    for (const CodeRange& range : expr.ranges) {
      for (char32_t code = range.first; code <= range.last; ++code)
        if (Utf8(code) == bytes) return true;
    }
    return false;
  }

  const Grammar& grammar_;
  const std::string& text_;
  std::map<std::pair<int, size_t>, Places> known_;
};

class Maker {
 public:
  explicit Maker(std::mt19937_64& random) : random_(random) {}

  Grammar Make() {
    Grammar grammar;
    rules_ = 1 + Below(4);
    for (int i = 0; i < rules_; ++i) grammar.Add("r" + std::to_string(i));
    for (Grammar::NamedRule& rule : grammar.rules) rule.body = MakeExpr(4);
    return grammar;
  }

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }

  Expr MakeExpr(int depth) {
    const int kind = depth == 0 ? Below(2) : Below(8);
    if (kind == 0) {
      const char* texts[] = {"a", "b", "ab", "é", "cab", ""};
      return Text(texts[Below(6)]);
    }
    if (kind == 1) {
      const char32_t first = U"abcé"[Below(4)];
      return Class({{first, first == U'é' ? first + 1 : std::min<char32_t>(U'c', first + 1)}});
    }
    if (kind == 2) return Rule(Below(rules_));
    if (kind == 3) {
      const int32_t least = Below(3);
      const int32_t most = Below(3) == 0 ? kNoLimit : std::max(1, least + Below(5));
      return Repeat(MakeExpr(depth - 1), least, most);
    }
    std::vector<Expr> parts;
    for (int count = 1 + Below(3); count > 0; --count) parts.push_back(MakeExpr(depth - 1));
    return kind < 6 ? Sequence(std::move(parts)) : Choice(std::move(parts));
  }

  std::mt19937_64& random_;
  int rules_ = 0;
};

}  // namespace

bool OracleAccepts(const Grammar& grammar, const std::string& text) {
  return Oracle(grammar, text).Ends(Rule(0), 0).count(text.size()) > 0;
}

Grammar RandomGrammar(std::mt19937_64& random) { return Maker(random).Make(); }

bool MatcherAccepts(const Grammar& grammar, const std::string& text) {
  const absl::StatusOr<Program> program = Program::Compile(grammar);
  if (!program.ok()) return false;
  Matcher matcher(&*program);
  absl::StatusOr<Matcher::State> state = matcher.start();
  for (char byte : text) {
    if (!state.ok()) return false;
    state = matcher.Step(*state, static_cast<uint8_t>(byte));
  }
  return state.ok() && matcher.may_end(*state);
}

absl::StatusOr<std::string> RandomText(Matcher* matcher, std::mt19937_64& random,
                                       const std::string& closing, int most) {
  std::string text;
  STRATA_ASSIGN_OR_RETURN(Matcher::State state, matcher->start());
  for (int steps = 0; steps < most; ++steps) {
    if (matcher->may_end(state) && (matcher->items(state).empty() || random() % 6 == 0))
      return text;
    std::vector<char> bytes, preferred;
    for (int byte = 0; byte < 256; ++byte) {
      STRATA_ASSIGN_OR_RETURN(const Matcher::State next,
                              matcher->Step(state, static_cast<uint8_t>(byte)));
      if (next == Matcher::kDead) continue;
      bytes.push_back(static_cast<char>(byte));
      if (closing.find(bytes.back()) != std::string::npos) preferred.push_back(bytes.back());
    }
    if (bytes.empty()) return absl::InternalError("a text begins that cannot go on");
    const bool prefers = !preferred.empty() && random() % 3 != 0;
    const std::vector<char>& from = prefers ? preferred : bytes;
    text += from[random() % from.size()];
    STRATA_ASSIGN_OR_RETURN(state, matcher->Step(state, static_cast<uint8_t>(text.back())));
  }
  return absl::DeadlineExceededError("a long text");
}

}  // namespace strata::inference::grammar
