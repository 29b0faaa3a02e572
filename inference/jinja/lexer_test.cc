#include "inference/jinja/lexer.h"

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::inference::jinja {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Texts(absl::string_view source) {
  const auto tokens = Tokenize(source);
  EXPECT_THAT(tokens, IsOk()) << source;
  std::vector<std::string> texts;
  if (!tokens.ok()) return texts;
  for (const Token& token : *tokens) texts.push_back(token.text);
  return texts;
}

TEST(Lexer, CutsTagsIntoTokens) {
  EXPECT_THAT(Texts("a{{ x['k'].y(1.5, 2)|f }}b"),
              ElementsAre("a", "{{", "x", "[", "k", "]", ".", "y", "(", "1.5", ",", "2", ")", "|",
                          "f", "}}", "b", ""));
  EXPECT_THAT(Texts("{%if a//b**c!=d%}"),
              ElementsAre("{%", "if", "a", "//", "b", "**", "c", "!=", "d", "%}", ""));
  EXPECT_THAT(Texts("{{ x.0.1 }}"), ElementsAre("{{", "x", ".", "0", ".", "1", "}}", ""));
  EXPECT_THAT(Texts("{{ {'a':{}} }}"), ElementsAre("{{", "{", "a", ":", "{", "}", "}", "}}", ""));
  EXPECT_THAT(Texts(""), ElementsAre(""));
}

TEST(Lexer, WhiteSpaceGoesAsTheTagsSay) {
  EXPECT_THAT(Texts("a\n  {%- x -%}\n b"), ElementsAre("a", "{%-", "x", "%}", "b", ""));
  EXPECT_THAT(Texts("a\n  {% x %}\n b"), ElementsAre("a\n", "{%", "x", "%}", " b", ""));
  EXPECT_THAT(Texts("a\n  {%+ x +%}\n b"), ElementsAre("a\n  ", "{%+", "x", "%}", "\n b", ""));
  EXPECT_THAT(Texts("a {# c #}\nb\n"), ElementsAre("a ", "b", ""));
}

TEST(Lexer, PositionsCountFromOne) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto tokens, Tokenize("a\r\nb {{ x\n+ y }}"));
  ASSERT_EQ(tokens.size(), 7u);  // text {{ x + y }} end
  EXPECT_EQ(tokens[2].at.line, 2);
  EXPECT_EQ(tokens[2].at.column, 6);
  EXPECT_EQ(tokens[3].at.line, 3);
  EXPECT_EQ(tokens[3].at.column, 1);
}

}  // namespace
}  // namespace strata::inference::jinja
