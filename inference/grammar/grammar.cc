#include "inference/grammar/grammar.h"

#include <algorithm>

namespace strata::inference::grammar {

Expr Text(absl::string_view text) {
  Expr e;
  e.kind = Expr::Kind::kText;
  e.text = std::string(text);
  return e;
}

Expr Class(std::vector<CodeRange> ranges) {
  Expr e;
  e.kind = Expr::Kind::kClass;
  e.ranges = std::move(ranges);
  return e;
}

Expr Sequence(std::vector<Expr> parts) {
  if (parts.size() == 1) return std::move(parts[0]);
  Expr e;
  e.parts = std::move(parts);
  return e;
}

Expr Choice(std::vector<Expr> parts) {
  if (parts.size() == 1) return std::move(parts[0]);
  Expr e;
  e.kind = Expr::Kind::kChoice;
  e.parts = std::move(parts);
  return e;
}

Expr Repeat(Expr part, int32_t least, int32_t most) {
  Expr e;
  e.kind = Expr::Kind::kRepeat;
  e.parts.push_back(std::move(part));
  e.least = least;
  e.most = most;
  return e;
}

Expr Optional(Expr part) { return Repeat(std::move(part), 0, 1); }

Expr Rule(int rule) {
  Expr e;
  e.kind = Expr::Kind::kRule;
  e.rule = rule;
  return e;
}

std::vector<CodeRange> Complement(std::vector<CodeRange> ranges) {
  ranges.push_back({0xd800, 0xdfff});
  std::sort(ranges.begin(), ranges.end(),
            [](const CodeRange& a, const CodeRange& b) { return a.first < b.first; });
  std::vector<CodeRange> rest;
  char32_t next = 0;
  for (const CodeRange& range : ranges) {
    if (range.last < range.first) continue;
    if (range.first > next) rest.push_back({next, range.first - 1});
    next = std::max<char32_t>(next, range.last + 1);
  }
  if (next <= kLastCode) rest.push_back({next, kLastCode});
  return rest;
}

std::vector<CodeRange> Normalized(std::vector<CodeRange> ranges) {
  return Complement(Complement(std::move(ranges)));
}

Grammar OneRule(Expr body) {
  Grammar grammar;
  grammar.Add("root", std::move(body));
  return grammar;
}

Grammar ChoiceOfTexts(const std::vector<std::string>& texts) {
  std::vector<Expr> parts;
  for (const std::string& text : texts) parts.push_back(Text(text));
  return OneRule(Choice(std::move(parts)));
}

}  // namespace strata::inference::grammar
