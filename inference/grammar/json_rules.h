// JsonRules: the rules of JSON texts (RFC 8259), added to a grammar as they are asked for.
//
//   Grammar grammar = JsonObject();      // any object
//   JsonRules json(&grammar);
//   grammar.rules[0].body = json.List({Rule(json.string()), Rule(json.number())});   // [string, number]
//
// Between the parts there may be a space, or a line break with up to 40 spaces or tabs, and nothing else: a model that
// writes white space without end would never come to the point. Texts by common writers, indented or not, have that form.
// Numbers have at most 18 digits before the point, 18 behind it and 2 in the exponent, so that readers can hold them.
#ifndef STRATA_INFERENCE_GRAMMAR_JSON_RULES_H_
#define STRATA_INFERENCE_GRAMMAR_JSON_RULES_H_

#include <map>
#include <string>
#include <vector>

#include "inference/grammar/grammar.h"

namespace strata::inference::grammar {

class JsonRules {
 public:
  // `grammar` must outlive this.
  explicit JsonRules(Grammar* grammar) : grammar_(*grammar) {}

  // Rules.
  int value();      // of any type
  int object();     // with any members
  int array();      // of any values
  int string();     // any characters, escaped or not
  int character();  // one of a string
  int number();
  int integer();  // without point and exponent
  int space();    // may be empty

  // Rules that all schemas of a grammar share, by names of their own. Null: there is none yet.
  const int* Shared(const std::string& name) const;
  int Share(const std::string& name, Expr body);

  // Whether `count` more characters of patterns, or of names that a key must not be, may be written: in JSON each is a choice
  // of many.
  bool TakeCharacters(size_t count) { return (characters_ += count) <= kMostCharacters; }
  static constexpr size_t kMostCharacters = 1 << 15;

  // Parts of texts.
  Expr Object(const std::vector<Expr>& members);                     // {a, b, c}
  Expr List(const std::vector<Expr>& parts);                         // [a, b, c]
  Expr ListOf(const Expr& part, int32_t least, int32_t most);        // [a, a, ...]
  Expr Member(const Expr& key, const Expr& value);                   // key: value
  Expr Comma();                                                      // with space behind
  Expr Bracketed(const char* open, Expr inside, const char* close);  // with space inside
  static Expr Literal(absl::string_view text);  // a string with this text, escaped as needed

 private:
  Expr Separated(const std::vector<Expr>& parts);  // by commas

  // The rule of this name; `make` gives its body when it is new.
  template <typename Make>
  int Once(const char* name, Make make);

  Grammar& grammar_;
  std::map<std::string, int> rules_, shared_;
  size_t characters_ = 0;
};

// root ::= any JSON object
Grammar JsonObject();

// The form of a character inside a JSON string that writers choose: itself, or an escape where it needs one.
std::string EscapedCharacter(char32_t code);

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_JSON_RULES_H_
