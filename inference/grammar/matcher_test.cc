// The fast matcher against the slow one, on random grammars and texts.
#include "inference/grammar/matcher.h"

#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/grammar/grammar_oracle.h"

namespace strata::inference::grammar {
namespace {

using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// All texts of these pieces, up to a length.
std::vector<std::string> AllTexts(int longest) {
  std::vector<std::string> texts = {""}, last = texts;
  for (int length = 1; length <= longest; ++length) {
    std::vector<std::string> next;
    for (const std::string& text : last)
      for (const char* piece : {"a", "b", "c", "é"}) next.push_back(text + piece);
    texts.insert(texts.end(), next.begin(), next.end());
    last = next;
  }
  return texts;
}

TEST(MatcherTest, AcceptsWhatTheGrammarMeans) {
  std::mt19937_64 random(3);
  const std::vector<std::string> texts = AllTexts(5);
  int compiled = 0, accepted = 0, generated = 0;
  for (int round = 0; round < 400; ++round) {
    const Grammar grammar = RandomGrammar(random);
    const absl::StatusOr<Program> program = Program::Compile(grammar);
    if (!program.ok()) {
      EXPECT_EQ(program.status().code(), kInvalid) << program.status();
      continue;
    }
    ++compiled;
    Matcher matcher(&*program);
    STRATA_ASSERT_OK_AND_ASSIGN(const Matcher::State start, matcher.start());
    for (const std::string& text : texts) {
      Matcher::State state = start;
      for (char byte : text) {
        STRATA_ASSERT_OK_AND_ASSIGN(state, matcher.Step(state, static_cast<uint8_t>(byte)));
      }
      const bool accepts = OracleAccepts(grammar, text);
      ASSERT_EQ(matcher.may_end(state), accepts) << "round " << round << ": " << text;
      accepted += accepts;
    }
    for (int i = 0; i < 5; ++i) {
      const absl::StatusOr<std::string> text = RandomText(&matcher, random);
      ASSERT_NE(text.status().code(), absl::StatusCode::kInternal) << "round " << round;
      if (!text.ok() || text->size() > 40) continue;
      EXPECT_TRUE(OracleAccepts(grammar, *text)) << "round " << round << ": " << *text;
      ++generated;
    }
  }
  EXPECT_GT(compiled, 200);
  EXPECT_GT(accepted, 2000);
  EXPECT_GT(generated, 500);
}

TEST(MatcherTest, NearStatesAllowTheSameNextBytes) {
  constexpr int kHorizon = 3;
  // (a{2,9} b){0,7} c{5,} a
  const Grammar grammar =
      OneRule(Sequence({Repeat(Sequence({Repeat(Text("a"), 2, 9), Text("b")}), 0, 7),
                        Repeat(Text("c"), 5), Text("a")}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Program::Compile(grammar));
  Matcher matcher(&program, kHorizon);
  std::mt19937_64 random(1);
  int differ = 0;
  for (int round = 0; round < 200; ++round) {
    STRATA_ASSERT_OK_AND_ASSIGN(Matcher::State state, matcher.start());
    for (int i = static_cast<int>(random() % 30); i > 0; --i) {
      const Matcher::State near = matcher.Near(state);
      EXPECT_EQ(matcher.Near(near), near);
      differ += near != state;
      for (int look = 0; look < 20; ++look) {
        Matcher::State exact = state, close = near;
        for (int step = 0; step < kHorizon; ++step) {
          const auto byte = static_cast<uint8_t>('a' + random() % 3);
          STRATA_ASSERT_OK_AND_ASSIGN(exact, matcher.Step(exact, byte));
          STRATA_ASSERT_OK_AND_ASSIGN(close, matcher.Step(close, byte));
          ASSERT_EQ(exact == Matcher::kDead, close == Matcher::kDead);
        }
      }
      std::vector<Matcher::State> ways;
      for (char byte : {'a', 'b', 'c'}) {
        STRATA_ASSERT_OK_AND_ASSIGN(const Matcher::State next,
                                    matcher.Step(state, static_cast<uint8_t>(byte)));
        if (next != Matcher::kDead) ways.push_back(next);
      }
      if (ways.empty()) break;
      state = ways[random() % ways.size()];
    }
  }
  EXPECT_GT(differ, 100);
}

TEST(MatcherTest, ListsNeedNoMoreStatesTheLongerTheyGet) {
  Grammar grammar;  // root ::= "a" ("," root)?
  grammar.Add("root", Sequence({Text("a"), Optional(Sequence({Text(","), Rule(0)}))}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Program::Compile(grammar));
  Matcher matcher(&program);
  STRATA_ASSERT_OK_AND_ASSIGN(Matcher::State state, matcher.start());
  for (int i = 0; i < 1000; ++i) {
    STRATA_ASSERT_OK_AND_ASSIGN(state, matcher.Step(state, i % 2 == 0 ? 'a' : ','));
    ASSERT_NE(state, Matcher::kDead);
  }
  EXPECT_LT(matcher.size(), 20);
}

TEST(MatcherTest, LongCountsNeedNoLongPrograms) {
  const Grammar grammar = OneRule(Repeat(Class({{0, kLastCode}}), 20'000, 900'000));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Program::Compile(grammar));
  EXPECT_LT(program.code.size(), 40u);
  EXPECT_FALSE(MatcherAccepts(grammar, std::string(19'999, 'a')));
  EXPECT_TRUE(MatcherAccepts(grammar, std::string(20'000, 'a')));
}

TEST(MatcherTest, AmbiguousGrammarsStayPolynomial) {
  Grammar grammar;  // each nesting may be closed in two ways: 2^n stacks
  grammar.Add("root", Optional(Choice({Sequence({Text("("), Rule(0), Text(")")}),
                                       Sequence({Text("("), Rule(0), Text("]")})})));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Program::Compile(grammar));
  Matcher matcher(&program);
  STRATA_ASSERT_OK_AND_ASSIGN(Matcher::State state, matcher.start());
  for (char c : std::string(200, '(') + std::string(100, ')') + std::string(100, ']')) {
    STRATA_ASSERT_OK_AND_ASSIGN(state, matcher.Step(state, static_cast<uint8_t>(c)));
  }
  EXPECT_TRUE(matcher.may_end(state));
  EXPECT_LT(matcher.work(), 100'000);
}

TEST(MatcherTest, TooAmbiguousIsAnError) {
  // Counts of a nest of repetitions that all begin at any letter.
  Expr nest = Text("a");
  for (int i = 0; i < 12; ++i) nest = Repeat(nest, 0, 1000 + i);
  const Grammar grammar = OneRule(nest);
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Program::Compile(grammar));
  Matcher matcher(&program);
  absl::StatusOr<Matcher::State> state = matcher.start();
  for (int i = 0; i < 100 && state.ok(); ++i) state = matcher.Step(*state, 'a');
  EXPECT_THAT(state, StatusIs(kInvalid, HasSubstr("too ambiguous")));
}

// What is kept is bounded by size(), so that it counts the items of states too.
TEST(MatcherTest, SizeCountsItems) {
  std::vector<std::string> texts;
  for (int i = 0; i < 3200; ++i) texts.push_back("a" + std::to_string(i));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Program::Compile(ChoiceOfTexts(texts)));
  Matcher matcher(&program);
  ASSERT_OK(matcher.start());
  EXPECT_GE(matcher.size(), 3200 / Matcher::kItems);
}

TEST(ProgramTest, RefusesWhatCannotBeMatched) {
  Grammar grammar;
  EXPECT_THAT(Program::Compile(grammar), StatusIs(kInvalid, HasSubstr("no rule")));
  grammar.Add("root", Sequence({Optional(Text("x")), Rule(1)}));
  EXPECT_THAT(Program::Compile(grammar), StatusIs(kInvalid, HasSubstr("names rule 1")));
  grammar.Add("list", Choice({Text("a"), Sequence({Rule(0), Text("b")})}));
  EXPECT_THAT(Program::Compile(grammar),
              StatusIs(kInvalid, HasSubstr("left recursive (root -> list -> root)")));
  grammar.rules[1].body = Sequence({Text("a"), Rule(1)});
  EXPECT_THAT(Program::Compile(grammar), StatusIs(kInvalid, HasSubstr("no text matches")));
  grammar.rules[1].body = Choice({Text("b"), Sequence({Text("a"), Rule(1)})});
  EXPECT_OK(Program::Compile(grammar));
  Expr deep = Text("a");
  for (int i = 0; i < 600; ++i) deep = Optional(std::move(deep));
  EXPECT_THAT(Program::Compile(OneRule(deep)), StatusIs(kInvalid, HasSubstr("nested")));
  EXPECT_THAT(Program::Compile(OneRule(Repeat(Text("a"), 3, 2))),
              StatusIs(kInvalid, HasSubstr("3 to 2 times")));
  EXPECT_THAT(Program::Compile(OneRule(Text(std::string(500'000, 'a')))),
              StatusIs(kInvalid, HasSubstr("too large")));
}

// (a? (a? (...)*)*)*: without the empty text inside, each level has what is in it twice.
TEST(ProgramTest, RepetitionsInEachOtherStaySmallOrAreRefused) {
  for (const int levels : {2, 4, 60}) {
    Expr nest = Text("a");
    for (int i = 0; i < levels; ++i) nest = Repeat(Sequence({Optional(Text("a")), nest}));
    const Grammar grammar = OneRule(nest);
    if (levels == 60) {
      EXPECT_THAT(Program::Compile(grammar),
                  StatusIs(kInvalid, HasSubstr("rule root: too many repetitions inside")));
      continue;
    }
    EXPECT_OK(Program::Compile(grammar));
    for (const std::string& text : AllTexts(3))
      EXPECT_EQ(MatcherAccepts(grammar, text), OracleAccepts(grammar, text)) << text;
  }
}

TEST(ProgramTest, LeavesOutChoicesThatNoTextHas) {
  Grammar grammar;
  grammar.Add("root", Choice({Sequence({Text("a"), Rule(1)}), Text("ab")}));
  grammar.Add("endless", Sequence({Text("b"), Rule(1)}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Program::Compile(grammar));
  Matcher matcher(&program);
  STRATA_ASSERT_OK_AND_ASSIGN(Matcher::State state, matcher.start());
  for (char c : {'a', 'b', 'b'}) {
    STRATA_ASSERT_OK_AND_ASSIGN(state, matcher.Step(state, static_cast<uint8_t>(c)));
  }
  EXPECT_EQ(state, Matcher::kDead);
}

}  // namespace
}  // namespace strata::inference::grammar
