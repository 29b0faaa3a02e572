#include "inference/grammar/json_rules.h"

#include <utility>

#include "inference/grammar/utf8_ranges.h"
#include "nlohmann/json.hpp"

namespace strata::inference::grammar {
namespace {

constexpr int32_t kMostDigits = 18, kMostExponent = 2, kMostIndent = 40;

Expr Digits(int32_t least, int32_t most) { return Repeat(Class({{'0', '9'}}), least, most); }

Expr Hex(const char* first) {  // a digit out of this list
  std::vector<CodeRange> ranges;
  for (; *first != '\0'; ++first)
    ranges.push_back({static_cast<char32_t>(*first), static_cast<char32_t>(*first)});
  return Class(std::move(ranges));
}

// \uXXXX: a character, or two surrogates that are one.
Expr UnicodeEscape() {
  const char* any = "0123456789abcdefABCDEF";
  const Expr digit = Hex(any);
  const Expr plain = Choice({Sequence({Hex("0123456789abcefABCEF"), digit, digit, digit}),
                             Sequence({Hex("dD"), Hex("01234567"), digit, digit})});
  const Expr pair = Sequence({Hex("dD"), Hex("89abAB"), digit, digit, Text("\\u"), Hex("dD"),
                              Hex("cdefCDEF"), digit, digit});
  return Sequence({Text("u"), Choice({plain, pair})});
}

Expr WholeNumber() {
  return Sequence(
      {Optional(Text("-")),
       Choice({Text("0"), Sequence({Class({{'1', '9'}}), Digits(0, kMostDigits - 1)})})});
}

// As the JSON library writes it.
std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

template <typename Make>
int JsonRules::Once(const char* name, Make make) {
  const auto known = rules_.find(name);
  if (known != rules_.end()) return known->second;
  const int rule = rules_[name] = grammar_.Add(name);
  Expr body = make();
  grammar_.rules[static_cast<size_t>(rule)].body = std::move(body);
  return rule;
}

const int* JsonRules::Shared(const std::string& name) const {
  const auto known = shared_.find(name);
  return known == shared_.end() ? nullptr : &known->second;
}

int JsonRules::Share(const std::string& name, Expr body) {
  return shared_[name] = grammar_.Add(name, std::move(body));
}

int JsonRules::space() {
  return Once("space", [] {
    const Expr indent = Repeat(Class({{' ', ' '}, {'\t', '\t'}}), 0, kMostIndent);
    return Optional(Choice({Text(" "), Sequence({Text("\n"), indent})}));
  });
}

int JsonRules::character() {
  return Once("character", [] {
    const Expr plain = Class(Complement({{0, 0x1f}, {'"', '"'}, {'\\', '\\'}}));
    std::vector<CodeRange> letters;
    for (char32_t c : U"\"\\/bfnrt")
      if (c != 0) letters.push_back({c, c});
    const Expr escape = Choice({Class(std::move(letters)), UnicodeEscape()});
    return Choice({plain, Sequence({Text("\\"), escape})});
  });
}

int JsonRules::string() {
  return Once("string", [&] {
    return Sequence({Text("\""), Repeat(Rule(character())), Text("\"")});
  });
}

int JsonRules::integer() { return Once("integer", WholeNumber); }

int JsonRules::number() {
  return Once("number", [] {
    const Expr fraction = Sequence({Text("."), Digits(1, kMostDigits)});
    const Expr exponent =
        Sequence({Class({{'e', 'e'}, {'E', 'E'}}), Optional(Class({{'+', '+'}, {'-', '-'}})),
                  Digits(1, kMostExponent)});
    return Sequence({WholeNumber(), Optional(fraction), Optional(exponent)});
  });
}

int JsonRules::object() {
  return Once("object", [&] {
    const Expr member = Member(Rule(string()), Rule(value()));
    return Bracketed("{", Optional(Sequence({member, Repeat(Sequence({Comma(), member}))})), "}");
  });
}

int JsonRules::array() {
  return Once("array", [&] { return ListOf(Rule(value()), 0, kNoLimit); });
}

int JsonRules::value() {
  return Once("value", [&] {
    return Choice({Rule(object()), Rule(array()), Rule(string()), Rule(number()), Text("true"),
                   Text("false"), Text("null")});
  });
}

Expr JsonRules::Comma() { return Sequence({Rule(space()), Text(","), Rule(space())}); }

Expr JsonRules::Member(const Expr& key, const Expr& value) {
  return Sequence({key, Text(":"), Rule(space()), value});
}

Expr JsonRules::Bracketed(const char* open, Expr inside, const char* close) {
  return Sequence({Text(open), Rule(space()), std::move(inside), Rule(space()), Text(close)});
}

Expr JsonRules::Object(const std::vector<Expr>& members) {
  return Bracketed("{", Separated(members), "}");
}

Expr JsonRules::List(const std::vector<Expr>& parts) {
  return Bracketed("[", Separated(parts), "]");
}

Expr JsonRules::Separated(const std::vector<Expr>& parts) {
  std::vector<Expr> inside;
  for (const Expr& part : parts) {
    if (!inside.empty()) inside.push_back(Comma());
    inside.push_back(part);
  }
  return Sequence(std::move(inside));
}

Expr JsonRules::ListOf(const Expr& part, int32_t least, int32_t most) {
  if (most == 0) return Bracketed("[", Empty(), "]");
  const int32_t more = most == kNoLimit ? kNoLimit : most - 1;
  Expr some = Sequence({part, Repeat(Sequence({Comma(), part}), least > 0 ? least - 1 : 0, more)});
  return Bracketed("[", least > 0 ? std::move(some) : Optional(std::move(some)), "]");
}

Expr JsonRules::Literal(absl::string_view text) { return Text(Quoted(std::string(text))); }

Grammar JsonObject() {
  Grammar grammar;
  const int root = grammar.Add("root");
  const int object = JsonRules(&grammar).object();
  grammar.rules[static_cast<size_t>(root)].body = Rule(object);
  return grammar;
}

std::string EscapedCharacter(char32_t code) {
  const std::string quoted = Quoted(Utf8(code));
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace strata::inference::grammar
