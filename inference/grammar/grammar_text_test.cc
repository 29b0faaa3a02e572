#include "inference/grammar/grammar_text.h"

#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/grammar/grammar_oracle.h"
#include "inference/grammar/regex.h"

namespace strata::inference::grammar {
namespace {

using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

struct Sample {
  const char* text;
  std::vector<std::string> yes, no;
};

const std::vector<Sample>& GrammarSamples() {
  static const auto& samples = *new std::vector<Sample>{
      {"root ::= \"a\" | \"b\"", {"a", "b"}, {"", "ab", "c"}},
      {"# first\nroot ::= x{2} y?  # last\nx ::= \"a\"\ny::=[0-9]\n", {"aa", "aa7"}, {"a", "aaa"}},
      {"root ::= (\n  \"a\"\n  | \"b\" # b\n)+\n", {"a", "abba"}, {"", "c"}},
      {"root ::= \"a\" |\n  \"b\" |", {"a", "b", ""}, {"ab"}},
      {"root ::= [^\\n\\]x-z]*", {"", "aé世🎉w"}, {"x", "]", "\n"}},
      {"root ::= [a\\-c-]", {"a", "-", "c"}, {"b"}},
      {"root ::= \"\\u00e9\\x41\\U0001F389\\\"\\\\\\n\"", {"éA🎉\"\\\n"}, {"e"}},
      {"root ::= .", {"a", "é", "\n"}, {"", "aa", "\xc3"}},
      {"root ::= \"a\"{,2}", {"", "aa"}, {"aaa"}},
      {"root ::= \"a\"{2,}", {"aa", "aaaaa"}, {"a"}},
      {"root ::= \"a\"*?", {"", "aa"}, {"b"}},
      {"root ::= ()", {""}, {"a"}},
      {"root ::= e \"=\" e\ne ::= t (\"+\" t)*\nt ::= [0-9]+ | \"(\" e \")\"",
       {"1=2", "(1+2)+33=((4))"},
       {"1", "1+=2", "(1=1)"}},
  };
  return samples;
}

TEST(ParseGrammarTest, MeansWhatItSays) {
  for (const Sample& sample : GrammarSamples()) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Grammar grammar, ParseGrammar(sample.text));
    for (const std::string& text : sample.yes)
      EXPECT_TRUE(MatcherAccepts(grammar, text)) << sample.text << " on " << text;
    for (const std::string& text : sample.no)
      EXPECT_FALSE(MatcherAccepts(grammar, text)) << sample.text << " on " << text;
  }
}

TEST(ParseGrammarTest, FaultsSayWhere) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"", "no rule root"},
      {"a ::= \"a\"", "no rule root"},
      {"root ::= b\n", "line 1, column 10: there is no rule b"},
      {"root ::= \"a\nx", "line 1, column 12: expected \""},
      {"root ::= [a", "column 12: expected ]"},
      {"root ::= [z-a]", "column 11: the range ends before it begins"},
      {"root ::= \"\\q\"", "column 11: is no escape"},
      {"root ::= \"\\xg0\"", "column 13: expected 2 hexadecimal digits"},
      {"root ::= \"\\ud800\"", "column 11: is no character"},
      {"root ::= (\"a\"", "column 14: expected )"},
      {"root ::= \"a\")", "column 13: expected the end of the rule's line"},
      {"root ::= \"a\"{3,2}", "column 13: the greatest"},
      {"root ::= \"a\"{}", "expected a number of times"},
      {"root ::= \"a\"{2", "expected }"},
      {"root ::= \"a\"{99999999999}", "above 1000000"},
      {"root = \"a\"", "column 6: expected ::="},
      {"::= \"a\"", "column 1: expected the name"},
      {"root ::= \"a\"\nroot ::= \"b\"", "line 2, column 1: there is a rule root already"},
      {"root ::= \"\xff\"", "column 11: is not valid UTF-8"},
      {"root ::= " + std::string(100, '('), "nested more than 64 deep"},
      {"root ::= \"a\"" + std::string(100, '?'), "too many repetitions"},
      {std::string(300'000, ' '), "longer than"},
  };
  for (const auto& [text, fault] : faults)
    EXPECT_THAT(ParseGrammar(text), StatusIs(kInvalid, HasSubstr(fault))) << text;
}

const std::vector<Sample>& RegexSamples() {
  static const auto& samples = *new std::vector<Sample>{
      {"", {""}, {"a"}},
      {"^ab|c$", {"ab", "c"}, {"a", "abc"}},
      {"(a|b)*c+?", {"c", "abbacc"}, {"ab"}},
      {"(?:a){2,3}", {"aa", "aaa"}, {"a", "aaaa"}},
      {"(?<x>a)(?P<y>b)", {"ab"}, {"a"}},
      {"[^a-c\\d]", {"d", "é"}, {"a", "5"}},
      {"\\w+\\s\\W\\S\\D", {"aZ_9 !!a"}, {"a"}},
      {"[\\]\\-x]", {"]", "-", "x"}, {"\\"}},
      {"[-a]", {"-", "a"}, {"b"}},
      {"[a-]", {"-", "a"}, {"b"}},
      {"\\u00e9\\xe9\\u{1F389}\\uD83C\\uDF89\\cA\\0", {std::string("éé🎉🎉\x01\0", 14)}, {"e"}},
      {"a.c", {"abc", "aéc"}, {"a\nc", "ac"}},
      {"\\.\\/\\$\\^\\{", {"./$^{"}, {"a"}},
      {"}]", {"}]"}, {""}},
      {"(a*)*b", {"b", "aab"}, {"a"}},
      {"(|a)(b|)", {"", "a", "b", "ab"}, {"ba"}},
  };
  return samples;
}

TEST(ParseRegexTest, MeansWhatItSays) {
  for (const Sample& sample : RegexSamples()) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Expr expr, ParseRegex(sample.text));
    for (const std::string& text : sample.yes)
      EXPECT_TRUE(MatcherAccepts(OneRule(expr), text)) << sample.text << " on " << text;
    for (const std::string& text : sample.no)
      EXPECT_FALSE(MatcherAccepts(OneRule(expr), text)) << sample.text << " on " << text;
  }
}

TEST(ParseRegexTest, SearchesWhereAsked) {
  RegexOptions search;
  search.search = true;
  for (const Sample& sample : std::vector<Sample>{{"b+", {"b", "abc", "\nb"}, {"", "a"}},
                                                  {"^b", {"b", "bc"}, {"ab"}},
                                                  {"b$", {"b", "ab"}, {"bc"}},
                                                  {"^a$|c", {"a", "xcx"}, {"aa"}}}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Expr expr, ParseRegex(sample.text, search));
    for (const std::string& text : sample.yes)
      EXPECT_TRUE(MatcherAccepts(OneRule(expr), text)) << sample.text << " on " << text;
    for (const std::string& text : sample.no)
      EXPECT_FALSE(MatcherAccepts(OneRule(expr), text)) << sample.text << " on " << text;
  }
}

TEST(ParseRegexTest, FaultsSayWhere) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"a(b", "column 4: expected )"},
      {"a)", "column 2: there is no ("},
      {"*a", "column 1: there is nothing"},
      {"[a", "column 3: expected ]"},
      {"[b-a]", "column 2: is no range"},
      {"[a-\\d]", "column 2: is no range"},
      {"(?=a)", "look-around"},
      {"(?<!a)", "look-around"},
      {"(?i)a", "flags"},
      {"(a)\\1", "back references"},
      {"\\bword", "\\b is not supported"},
      {"\\p{L}", "\\p is not supported"},
      {"a^b", "^ is supported at the start"},
      {"(a$)b", "$ is supported at the end"},
      {"a$b", "behind $"},
      {"a{2,1}", "is below the least"},
      {"a{x}", "expected {n}"},
      {"\\ud800", "is no character"},
      {"a\\", "there is nothing behind"},
      {std::string(100, '('), "nested more than 64"},
      {"[[:alpha:]]", "classes in classes"},
      {"\\u{110000}", "is no character"},
  };
  for (const auto& [text, fault] : faults)
    EXPECT_THAT(ParseRegex(text), StatusIs(kInvalid, HasSubstr(fault))) << text;
}

TEST(ParseHostileTest, RepetitionsOfWhatMayBeEmptyStaySmall) {
  // Each ** has the texts of *.
  STRATA_ASSERT_OK_AND_ASSIGN(const Grammar stars,
                              ParseGrammar("root ::= r*\nr ::= \"a\"" + std::string(60, '*')));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Program::Compile(stars));
  EXPECT_LT(program.code.size(), 500u);
  EXPECT_TRUE(MatcherAccepts(stars, "aaa"));
  EXPECT_FALSE(MatcherAccepts(stars, "ab"));
  // The first that is not empty, and all behind it: the square of their number.
  std::string many = "(";
  for (int i = 0; i < 20'000; ++i) many += "a?";
  STRATA_ASSERT_OK_AND_ASSIGN(Expr expr, ParseRegex(many + ")*"));
  EXPECT_THAT(Program::Compile(OneRule(std::move(expr))),
              StatusIs(kInvalid, HasSubstr("too many repetitions")));
  // A rule that is named often is looked at once for each change.
  std::string often = "root ::= ";
  for (int i = 0; i < 20'000; ++i) often += "[a] x ";
  STRATA_ASSERT_OK_AND_ASSIGN(const Grammar endless,
                              ParseGrammar(often + "y\nx ::= \"b\"\ny ::= \"c\" y\n"));
  EXPECT_THAT(Program::Compile(endless), StatusIs(kInvalid, HasSubstr("every way is endless")));
}

// Whatever the text, there is a grammar or a fault, soon.
TEST(ParseFuzzTest, AnyTextGivesAGrammarOrAFault) {
  std::mt19937_64 random(5);
  const std::string signs = "ab()[]{}|*+?^$.\\\"-,:=#\n 0129xu\xc3\xa9<>P!";
  int good = 0;
  for (int round = 0; round < 6000; ++round) {
    const bool regex = round % 2 == 0;
    const auto& samples = regex ? RegexSamples() : GrammarSamples();
    std::string text = samples[random() % samples.size()].text;
    for (uint64_t edits = random() % 5; edits > 0; --edits) {
      const size_t at = random() % (text.size() + 1);
      if (random() % 3 == 0) {
        text.erase(at, random() % 4);
      } else {
        text.insert(at, 1, signs[random() % signs.size()]);
      }
    }
    absl::StatusOr<Grammar> grammar = absl::UnknownError("");
    if (regex) {
      const absl::StatusOr<Expr> expr = ParseRegex(text);
      grammar = expr.ok() ? absl::StatusOr<Grammar>(OneRule(*expr)) : expr.status();
    } else {
      grammar = ParseGrammar(text);
    }
    if (grammar.ok()) {
      const auto program = Program::Compile(*grammar);
      EXPECT_TRUE(program.ok() || program.status().code() == kInvalid) << text;
      good += program.ok();
    } else {
      EXPECT_THAT(grammar, StatusIs(kInvalid, HasSubstr("line "))) << text;
    }
  }
  EXPECT_GT(good, 1000);
}

}  // namespace
}  // namespace strata::inference::grammar
