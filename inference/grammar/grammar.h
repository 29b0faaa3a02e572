// Grammar: a context-free grammar over bytes: named rules, of which the first is the whole text.
//
//   Grammar list;                                     // root ::= "[" number ("," number)* "]"
//   const int root = list.Add("root"), number = list.Add("number");
//   list.rules[root].body = Sequence({Text("["), Rule(number), Repeat(Sequence({Text(","), Rule(number)})), Text("]")});
//   list.rules[number].body = Repeat(Class({{'0', '9'}}), 1);
//
// Grammars are written as text (grammar_text.h), as regular expressions (regex.h) or as JSON schemas (json_schema.h);
// Program::Compile() checks them and makes them fit to match.
#ifndef STRATA_INFERENCE_GRAMMAR_GRAMMAR_H_
#define STRATA_INFERENCE_GRAMMAR_GRAMMAR_H_

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata::inference::grammar {

inline constexpr char32_t kLastCode = 0x10ffff;
inline constexpr int32_t kNoLimit = std::numeric_limits<int32_t>::max();

struct CodeRange {
  char32_t first = 0, last = 0;  // both included; <= kLastCode
};

// A set of texts. A value; the functions below make it.
struct Expr {
  enum class Kind {
    kText,      // just `text`
    kClass,     // one character of `ranges`, in UTF-8
    kSequence,  // `parts`, one after another; none: the empty text
    kChoice,    // one of `parts`; none: no text at all
    kRepeat,    // `parts[0]`, `least` to `most` times
    kRule       // what the body of rule `rule` is
  };
  Kind kind = Kind::kSequence;
  std::string text = {};
  std::vector<CodeRange> ranges = {};  // in any order
  std::vector<Expr> parts = {};
  int32_t least = 0, most = 0;  // most: kNoLimit is no bound
  int rule = 0;
};

Expr Text(absl::string_view text);
Expr Class(std::vector<CodeRange> ranges);
Expr Sequence(std::vector<Expr> parts);
Expr Choice(std::vector<Expr> parts);
Expr Repeat(Expr part, int32_t least = 0, int32_t most = kNoLimit);
Expr Optional(Expr part);
Expr Rule(int rule);
inline Expr Empty() { return {}; }
inline Expr Nothing() { return Choice({}); }

// Sorted, disjoint, without surrogates, which are no characters.
std::vector<CodeRange> Normalized(std::vector<CodeRange> ranges);
// All characters that are not in `ranges`.
std::vector<CodeRange> Complement(std::vector<CodeRange> ranges);

struct Grammar {
  struct NamedRule {
    std::string name;  // for errors
    Expr body = {};
  };
  std::vector<NamedRule> rules;  // the first is the root

  // The new rule's index.
  int Add(std::string name, Expr body = {}) {
    rules.push_back({std::move(name), std::move(body)});
    return static_cast<int>(rules.size()) - 1;
  }
};

// root ::= body
Grammar OneRule(Expr body);

// One of these texts, byte for byte.
Grammar ChoiceOfTexts(const std::vector<std::string>& texts);

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_GRAMMAR_H_
