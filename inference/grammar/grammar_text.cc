#include "inference/grammar/grammar_text.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "inference/grammar/text_reader.h"
#include "inference/grammar/utf8_ranges.h"

namespace strata::inference::grammar {
namespace {

constexpr int kMostNesting = 64;
constexpr int32_t kMostTimes = 1'000'000;

bool IsNameCharacter(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

class Parser {
 public:
  explicit Parser(TextReader reader) : r_(std::move(reader)) {}

  absl::StatusOr<Grammar> Parse() {
    RuleOf("root");
    SkipSpace(/*lines=*/true);
    while (!r_.done()) {
      STRATA_RETURN_IF_ERROR(ParseRule());
      SkipSpace(/*lines=*/true);
    }
    for (const auto& [name, rule] : rules_) {
      if (rule.defined) continue;
      if (name == "root")
        return r_.FaultAt(0, "there is no rule root; it says what the whole text is");
      return r_.FaultAt(rule.first_use, absl::StrCat("there is no rule ", name));
    }
    return std::move(grammar_);
  }

 private:
  struct NamedRule {
    int index;
    size_t first_use;
    bool defined = false;
  };

  // Spaces and comments; with `lines` line breaks too.
  void SkipSpace(bool lines) {
    while (!r_.done()) {
      const char32_t c = r_.Peek();
      if (c == '#') {
        while (!r_.done() && r_.Peek() != '\n') r_.Next();
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        r_.Next();
      } else {
        return;
      }
    }
  }

  NamedRule& RuleOf(const std::string& name) {
    const auto known = rules_.find(name);
    if (known != rules_.end()) return known->second;
    return rules_.emplace(name, NamedRule{grammar_.Add(name), r_.at()}).first->second;
  }

  std::string Name() {
    std::string name;
    while (IsNameCharacter(r_.Peek())) name += static_cast<char>(r_.Next());
    return name;
  }

  absl::Status ParseRule() {
    const size_t first = r_.at();
    const std::string name = Name();
    if (name.empty()) return r_.Fault("expected the name of a rule");
    SkipSpace(/*lines=*/false);
    if (!r_.Take("::=")) return r_.Fault("expected ::= behind the name of the rule");
    NamedRule& rule = RuleOf(name);
    if (rule.defined) return r_.FaultAt(first, absl::StrCat("there is a rule ", name, " already"));
    rule.defined = true;
    SkipSpace(/*lines=*/true);
    STRATA_ASSIGN_OR_RETURN(Expr body, Choices(/*depth=*/0));
    grammar_.rules[static_cast<size_t>(rule.index)].body = std::move(body);
    SkipSpace(/*lines=*/false);
    if (r_.done() || r_.Peek() == '\n' || r_.Peek() == '\r') return absl::OkStatus();
    return r_.Fault("expected the end of the rule's line");
  }

  absl::StatusOr<Expr> Choices(int depth) {
    if (depth > kMostNesting)
      return r_.Fault(absl::StrCat("brackets are nested more than ", kMostNesting, " deep"));
    std::vector<Expr> choices;
    do {
      SkipSpace(/*lines=*/true);
      STRATA_ASSIGN_OR_RETURN(Expr sequence, Parts(depth));
      choices.push_back(std::move(sequence));
    } while (r_.Take("|"));
    return Choice(std::move(choices));
  }

  // Up to a | or what ends the choices.
  absl::StatusOr<Expr> Parts(int depth) {
    std::vector<Expr> parts;
    while (true) {
      SkipSpace(/*lines=*/depth > 0);
      STRATA_ASSIGN_OR_RETURN(std::optional<Expr> part, Part(depth));
      if (!part.has_value()) return Sequence(std::move(parts));
      STRATA_RETURN_IF_ERROR(Repetitions(&*part));
      parts.push_back(*std::move(part));
    }
  }

  absl::StatusOr<std::optional<Expr>> Part(int depth) {
    if (IsNameCharacter(r_.Peek())) {
      const size_t first = r_.at();
      NamedRule& rule = RuleOf(Name());
      if (!rule.defined && rule.first_use > first) rule.first_use = first;
      return std::optional<Expr>(Rule(rule.index));
    }
    if (r_.Take("\"")) return Quoted();
    if (r_.Take("[")) return Bracketed();
    if (r_.Take(".")) return std::optional<Expr>(Class({{0, kLastCode}}));
    if (!r_.Take("(")) return std::optional<Expr>();
    STRATA_ASSIGN_OR_RETURN(Expr inside, Choices(depth + 1));
    if (!r_.Take(")")) return r_.Fault("expected )");
    return std::optional<Expr>(std::move(inside));
  }

  absl::StatusOr<std::optional<Expr>> Quoted() {
    std::string text;
    while (!r_.Take("\"")) {
      STRATA_ASSIGN_OR_RETURN(const char32_t c, Character("\""));
      text += Utf8(c);
    }
    return std::optional<Expr>(Text(text));
  }

  absl::StatusOr<std::optional<Expr>> Bracketed() {
    const bool complement = r_.Take("^");
    std::vector<CodeRange> ranges;
    while (!r_.Take("]")) {
      const size_t at = r_.at();
      CodeRange range;
      STRATA_ASSIGN_OR_RETURN(range.first, Character("]"));
      range.last = range.first;
      if (r_.Peek() == '-' && r_.Peek(1) != ']') {
        r_.Next();
        STRATA_ASSIGN_OR_RETURN(range.last, Character("]"));
      }
      if (range.last < range.first) return r_.FaultAt(at, "the range ends before it begins");
      ranges.push_back(range);
    }
    if (complement) ranges = Complement(std::move(ranges));
    return std::optional<Expr>(Class(std::move(ranges)));
  }

  absl::StatusOr<char32_t> Character(const char* end) {
    if (r_.done() || r_.Peek() == '\n') return r_.Fault(absl::StrCat("expected ", end));
    if (r_.Peek() != '\\') return r_.Next();
    const size_t at = r_.at();
    r_.Next();
    const char32_t c = r_.Next();
    const int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits > 0) {
      STRATA_ASSIGN_OR_RETURN(const char32_t code, r_.Hex(digits));
      if (code <= kLastCode && (code < 0xd800 || code > 0xdfff)) return code;
      return r_.FaultAt(at, "is no character");
    }
    if (c == 'n') return U'\n';
    if (c == 'r') return U'\r';
    if (c == 't') return U'\t';
    for (char32_t self : U"\\\"'[]-^/")
      if (c == self && c != 0) return c;
    return r_.FaultAt(at, "is no escape; there are \\n \\r \\t \\\\ \\\" \\[ \\] \\x41 \\u0041");
  }

  absl::Status Repetitions(Expr* part) {
    for (int times = 0;; ++times) {
      if (times > kMostNesting) return r_.Fault("too many repetitions of one part");
      if (r_.Take("*")) {
        *part = Repeat(std::move(*part));
      } else if (r_.Take("+")) {
        *part = Repeat(std::move(*part), 1);
      } else if (r_.Take("?")) {
        *part = Optional(std::move(*part));
      } else if (r_.Peek() == '{') {
        STRATA_RETURN_IF_ERROR(Times(part));
      } else {
        return absl::OkStatus();
      }
    }
  }

  absl::Status Times(Expr* part) {
    const size_t at = r_.at();
    r_.Next();
    STRATA_ASSIGN_OR_RETURN(const std::optional<int32_t> least, r_.Number(kMostTimes));
    std::optional<int32_t> most = least;
    if (r_.Take(",")) {
      STRATA_ASSIGN_OR_RETURN(most, r_.Number(kMostTimes));
    } else if (!least.has_value()) {
      return r_.Fault("expected a number of times");
    }
    if (!r_.Take("}")) return r_.Fault("expected }");
    if (most.value_or(kNoLimit) < least.value_or(0))
      return r_.FaultAt(at, "the greatest number of times is below the least");
    *part = Repeat(std::move(*part), least.value_or(0), most.value_or(kNoLimit));
    return absl::OkStatus();
  }

  TextReader r_;
  Grammar grammar_;
  std::map<std::string, NamedRule> rules_;
};

}  // namespace

absl::StatusOr<Grammar> ParseGrammar(absl::string_view text) {
  STRATA_ASSIGN_OR_RETURN(TextReader reader, TextReader::Create("grammar", text));
  return Parser(std::move(reader)).Parse();
}

}  // namespace strata::inference::grammar
