#include "llm/tokenizer/pre_tokenizer.h"

#include <random>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "llm/tokenizer/added_tokens.h"
#include "llm/tokenizer/byte_alphabet.h"
#include "llm/tokenizer/corpus.h"

namespace strata::llm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = PreTokenizerStep::Kind;

std::vector<std::string> Pieces(const std::vector<PreTokenizerStep>& steps,
                                absl::string_view text) {
  absl::StatusOr<PreTokenizer> pre_tokenizer = PreTokenizer::Create(steps);
  EXPECT_OK(pre_tokenizer);
  std::vector<std::string> pieces;
  if (pre_tokenizer.ok()) {
    pre_tokenizer->ForEachPiece(text, [&](absl::string_view piece) { pieces.emplace_back(piece); });
  }
  return pieces;
}

PreTokenizerStep Split(const std::string& pattern, SplitBehavior behavior, bool invert = false) {
  PreTokenizerStep step;
  step.kind = Kind::kSplit;
  step.pattern = pattern;
  step.behavior = behavior;
  step.invert = invert;
  return step;
}

PreTokenizerStep StepOf(Kind kind) {
  PreTokenizerStep step;
  step.kind = kind;
  return step;
}

TEST(ByteAlphabet, IsGpt2s) {
  EXPECT_EQ(BytesToAlphabet(" hi\n"), "\u0120hi\u010A");
  EXPECT_EQ(AlphabetToBytes("\u0120hi\u010A"), " hi\n");
  EXPECT_EQ(AlphabetToBytes("a b"), std::nullopt);
  EXPECT_EQ(AlphabetToBytes("\u4E2D"), std::nullopt);
  EXPECT_EQ(AlphabetToBytes("\u0144"), std::nullopt);
  EXPECT_EQ(AlphabetToBytes("\xFF"), std::nullopt);
  EXPECT_EQ(AlphabetToBytes(""), "");
  EXPECT_EQ(AlphabetOrder()[0], '!');
  EXPECT_EQ(AlphabetOrder()[220], ' ');  // as in GPT-2, where a space alone is token 220
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(AlphabetToBytes(BytesToAlphabet(all)), all);
}

TEST(PreTokenizer, Gpt2PatternCutsAsPublished) {
  const std::vector<PreTokenizerStep> gpt2 = {PreTokenizerStep()};
  EXPECT_THAT(Pieces(gpt2, ""), ElementsAre());
  EXPECT_THAT(Pieces(gpt2, "x"), ElementsAre("x"));
  EXPECT_THAT(Pieces(gpt2, "Hello world's 42nd, they'll"),
              ElementsAre("Hello", " world", "'s", " 42", "nd", ",", " they", "'ll"));
  // The look-ahead leaves the last space to the next word.
  EXPECT_THAT(Pieces(gpt2, "a   b"), ElementsAre("a", "  ", " b"));
  EXPECT_THAT(Pieces(gpt2, "a\n\n  b \n"), ElementsAre("a", "\n\n ", " b", " \n"));
  EXPECT_THAT(Pieces(gpt2, "   "), ElementsAre("   "));
  EXPECT_THAT(Pieces(gpt2, "\u00FCber \u4E2D\u6587\uFF01"),
              ElementsAre("\u00FCber", " \u4E2D\u6587", "\uFF01"));
  EXPECT_THAT(Pieces(gpt2, "x\u00A0y"), ElementsAre("x", "\u00A0", "y"));
  EXPECT_THAT(Pieces(gpt2, "!?\u2028\u2028z"), ElementsAre("!?", "\u2028", "\u2028", "z"));
}

TEST(PreTokenizer, BadBytesAreAPieceOfTheirOwn) {
  const std::vector<PreTokenizerStep> gpt2 = {PreTokenizerStep()};
  EXPECT_THAT(Pieces(gpt2,
                     "ab\xFF\xFE"
                     "cd"),
              ElementsAre("ab", "\xFF\xFE", "cd"));
  EXPECT_THAT(Pieces(gpt2, "\xE2\x82"), ElementsAre("\xE2\x82"));
}

TEST(PreTokenizer, BehavioursJoinAsNamed) {
  const auto split = [](SplitBehavior behavior, bool invert = false) {
    return Pieces({Split("-", behavior, invert)}, "the-final--countdown-");
  };
  EXPECT_THAT(split(SplitBehavior::kRemoved), ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(split(SplitBehavior::kIsolated),
              ElementsAre("the", "-", "final", "-", "-", "countdown", "-"));
  EXPECT_THAT(split(SplitBehavior::kContiguous),
              ElementsAre("the", "-", "final", "--", "countdown", "-"));
  EXPECT_THAT(split(SplitBehavior::kMergedWithPrevious),
              ElementsAre("the-", "final-", "-", "countdown-"));
  EXPECT_THAT(split(SplitBehavior::kMergedWithNext),
              ElementsAre("the", "-final", "-", "-countdown", "-"));
  EXPECT_THAT(split(SplitBehavior::kRemoved, true), ElementsAre("-", "-", "-", "-"));
}

TEST(PreTokenizer, OtherSteps) {
  PreTokenizerStep digits = StepOf(Kind::kDigits);
  EXPECT_THAT(Pieces({digits}, "ab123c\u0663"), ElementsAre("ab", "123", "c", "\u0663"));
  digits.individual_digits = true;
  EXPECT_THAT(Pieces({digits}, "ab12"), ElementsAre("ab", "1", "2"));
  EXPECT_THAT(Pieces({StepOf(Kind::kPunctuation)}, "a,b!c$\u3002"),
              ElementsAre("a", ",", "b", "!", "c", "$", "\u3002"));
  EXPECT_THAT(Pieces({StepOf(Kind::kWhitespace)}, "Hi there, you!  "),
              ElementsAre("Hi", "there", ",", "you", "!"));
  EXPECT_THAT(Pieces({StepOf(Kind::kWhitespaceSplit)}, " a,\tb\n"), ElementsAre("a,", "b"));
  PreTokenizerStep spaced;
  spaced.add_prefix_space = true;
  EXPECT_THAT(Pieces({spaced}, "a b"), ElementsAre(" a", " b"));
  EXPECT_THAT(Pieces({spaced}, " a"), ElementsAre(" a"));
  spaced.use_regex = false;
  EXPECT_THAT(Pieces({spaced}, "a b"), ElementsAre(" a b"));
  PreTokenizerStep literal = Split(".*", SplitBehavior::kIsolated);
  literal.literal = true;
  EXPECT_THAT(Pieces({literal}, "a.*b"), ElementsAre("a", ".*", "b"));
  // Steps one after another; an empty match cuts between characters.
  EXPECT_THAT(Pieces({digits, PreTokenizerStep()}, "a 12"), ElementsAre("a", " ", "1", "2"));
  EXPECT_THAT(Pieces({Split("x*", SplitBehavior::kIsolated)}, "\u00E9xxb"),
              ElementsAre("\u00E9", "xx", "b"));
  EXPECT_THAT(Pieces({}, "all of it"), ElementsAre("all of it"));
}

TEST(PreTokenizer, WhiteSpaceIsUnicodesNotPerls) {
  // U+180E was white space before Unicode 6.3; PCRE2 still takes it for that.
  EXPECT_THAT(Pieces({Split(R"(\s)", SplitBehavior::kIsolated)}, "a\u180Eb\u2003c"),
              ElementsAre("a\u180Eb", "\u2003", "c"));
  EXPECT_THAT(Pieces({Split(R"([^\s]+)", SplitBehavior::kIsolated)}, "a\u180Eb c"),
              ElementsAre("a\u180Eb", " ", "c"));
  EXPECT_THAT(Pieces({Split(R"(\\s)", SplitBehavior::kIsolated)}, "a\\sb"),
              ElementsAre("a", "\\s", "b"));
}

TEST(PreTokenizer, RunawayAndLongInputsEnd) {
  const std::string text(30, 'a');
  EXPECT_THAT(Pieces({Split("(a+)+$!", SplitBehavior::kIsolated)}, text), ElementsAre(text));
  const std::string spaces(200000, ' ');
  EXPECT_THAT(Pieces({PreTokenizerStep()}, spaces), ElementsAre(spaces));
  EXPECT_EQ(Pieces({PreTokenizerStep()}, spaces + "x").size(), 2u);
}

TEST(PreTokenizer, MalformedPatternIsRefusedWithItsPlace) {
  EXPECT_THAT(PreTokenizer::Create({PreTokenizerStep(), Split("a(b", SplitBehavior::kIsolated)}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("[1].pattern: malformed regular expression")));
}

TEST(PreTokenizer, PiecesOfIsolatingStepsAddUpToTheText) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (uint32_t n = random() % 40; n > 0; --n)
      text += static_cast<char>(random() % 3 ? " a1.\n'"[random() % 6] : random());
    std::string all;
    for (const std::string& piece : Pieces({StepOf(Kind::kDigits), PreTokenizerStep()}, text)) {
      EXPECT_FALSE(piece.empty());
      all += piece;
    }
    EXPECT_EQ(all, text);
  }
}

AddedToken Added(int32_t id, const std::string& content) {
  AddedToken token;
  token.id = id;
  token.content = content;
  return token;
}

std::string Found(const AddedTokenMatcher& matcher, absl::string_view text) {
  std::string found;
  matcher.Split(
      text, [&](absl::string_view part) { absl::StrAppend(&found, "(", part, ")"); },
      [&](int32_t id) { absl::StrAppend(&found, "#", id); });
  return found;
}

TEST(AddedTokens, LeftmostThenLongest) {
  const AddedTokenMatcher matcher({Added(1, "<a>"), Added(2, "<a><b>"), Added(3, "<")});
  EXPECT_EQ(Found(matcher, ""), "");
  EXPECT_EQ(Found(matcher, "x<a>y"), "(x)#1(y)");
  EXPECT_EQ(Found(matcher, "<a><b><a><c"), "#2#1#3(c)");
  EXPECT_EQ(Found(AddedTokenMatcher({}), "<a>"), "(<a>)");
}

TEST(AddedTokens, StripAndSingleWord) {
  AddedToken left = Added(1, "[L]");
  left.lstrip = true;
  AddedToken right = Added(2, "[R]");
  right.rstrip = true;
  AddedToken word = Added(3, "word");
  word.single_word = true;
  const AddedTokenMatcher matcher({left, right, word});
  EXPECT_EQ(Found(matcher, "a \n[L] b"), "(a)#1( b)");
  EXPECT_EQ(Found(matcher, "a [R] \u2003b"), "(a )#2(b)");
  EXPECT_EQ(Found(matcher, "[R]  [L]"), "#2#1");
  EXPECT_EQ(Found(matcher, "word words sword (word)"), "#3( words sword ()#3())");
}

TEST(Corpus, GateNamesTheFirstBadByte) {
  EXPECT_OK(CheckCorpus("text \u4E2D"));
  EXPECT_THAT(CheckCorpus(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("empty")));
  EXPECT_THAT(CheckCorpus("ab\nc\xE9"
                          "d\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("bad byte 0xE9 at offset 4 (line 2)")));
  EXPECT_THAT(CheckCorpus("ok\xE2\x82"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("offset 2")));
}

}  // namespace
}  // namespace strata::llm
