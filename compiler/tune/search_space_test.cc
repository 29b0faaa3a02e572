#include "compiler/tune/search_space.h"

#include <set>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler::tune {
namespace {

using ::testing::HasSubstr;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

SearchSpace Tiles() {
  auto space = SearchSpace::Create(
      {{"MR", {1, 2, 4, 8}}, {"NR", {16, 32, 64}}, {"PACK", {0, 1}}},
      {{"registers", [](const Setting& s) { return s["MR"] * s["NR"] <= 256; }}});
  EXPECT_OK(space.status());
  return *space;
}

TEST(SearchSpaceTest, NumbersItsPoints) {
  const SearchSpace space = Tiles();
  EXPECT_EQ(space.size(), 24);
  std::set<Config> points;
  for (int64_t i = 0; i < space.size(); ++i) points.insert(space.At(i));
  EXPECT_EQ(points.size(), 24u);
  EXPECT_EQ(space.Print(space.At(0)), "MR=1 NR=16 PACK=0");
  EXPECT_EQ(space.Print(space.At(23)), "MR=8 NR=64 PACK=1");
}

TEST(SearchSpaceTest, ConstraintsAreNamed) {
  const SearchSpace space = Tiles();
  EXPECT_EQ(space.WhyInvalid({2, 2, 0}), "");           // 4 x 64
  EXPECT_EQ(space.WhyInvalid({3, 2, 0}), "registers");  // 8 x 64
}

TEST(SearchSpaceTest, TextRoundTrips) {
  const SearchSpace space = Tiles();
  for (int64_t i = 0; i < space.size(); ++i) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Config config, space.Parse(space.Print(space.At(i))));
    EXPECT_EQ(config, space.At(i));
  }
  EXPECT_THAT(space.Parse("MR=3 NR=16 PACK=0"),
              StatusIs(kInvalid, HasSubstr("MR: '3' is not one of 1, 2, 4, 8")));
  EXPECT_THAT(space.Parse("MR=1 NR=16"), StatusIs(kInvalid, HasSubstr("knob PACK has no value")));
  EXPECT_THAT(space.Parse("MR=1 NR=x PACK=0"), StatusIs(kInvalid, HasSubstr("NR: 'x' is not")));
  EXPECT_THAT(space.Parse("KC=1"), StatusIs(kInvalid, HasSubstr("no knob 'KC'")));
}

TEST(SearchSpaceTest, DrawsAreValidAndReachEveryPoint) {
  const SearchSpace space = Tiles();
  Random random(3);
  std::set<Config> seen;
  for (int i = 0; i < 600; ++i) {
    const auto config = space.Draw(&random);
    ASSERT_TRUE(config.has_value());
    EXPECT_TRUE(space.IsValid(*config));
    seen.insert(*config);
  }
  EXPECT_EQ(seen.size(), 22u);  // all but 8 x 64
}

TEST(SearchSpaceTest, ChildrenAreValidAndMutantsDiffer) {
  const SearchSpace space = Tiles();
  Random random(5);
  Config config = space.At(0);
  for (int i = 0; i < 200; ++i) {
    const auto mutant = space.Mutate(config, &random);
    ASSERT_TRUE(mutant.has_value());
    EXPECT_TRUE(space.IsValid(*mutant));
    EXPECT_NE(*mutant, config);
    const auto child = space.Cross(config, *mutant, &random);
    ASSERT_TRUE(child.has_value());
    for (size_t k = 0; k < child->size(); ++k)
      EXPECT_TRUE((*child)[k] == config[k] || (*child)[k] == (*mutant)[k]);
    config = *mutant;
  }
}

TEST(SearchSpaceTest, WhatHasNoValidPointGivesNothing) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const SearchSpace none,
      SearchSpace::Create({{"A", {1, 2}}}, {{"never", [](const Setting&) { return false; }}}));
  Random random(1);
  EXPECT_FALSE(none.Draw(&random).has_value());
  EXPECT_FALSE(none.Mutate({0}, &random).has_value());
  STRATA_ASSERT_OK_AND_ASSIGN(const SearchSpace one, SearchSpace::Create({{"A", {7}}}));
  EXPECT_TRUE(one.Draw(&random).has_value());
  EXPECT_FALSE(one.Mutate({0}, &random).has_value());
  STRATA_ASSERT_OK_AND_ASSIGN(const SearchSpace empty, SearchSpace::Create({}));
  EXPECT_EQ(empty.size(), 1);
  EXPECT_FALSE(empty.Mutate({}, &random).has_value());
}

TEST(SearchSpaceTest, KnobsAreChecked) {
  EXPECT_THAT(SearchSpace::Create({{"A", {}}}), StatusIs(kInvalid, HasSubstr("A: has no choices")));
  EXPECT_THAT(SearchSpace::Create({{"A", {1, 1}}}),
              StatusIs(kInvalid, HasSubstr("a choice twice")));
  EXPECT_THAT(SearchSpace::Create({{"A", {1}}, {"A", {2}}}),
              StatusIs(kInvalid, HasSubstr("there twice")));
  for (const char* name : {"", "1A", "A B", "A="})
    EXPECT_THAT(SearchSpace::Create({{name, {1}}}), StatusIs(kInvalid, HasSubstr("is not a name")));
}

TEST(SearchSpaceTest, HugeSpacesSaturate) {
  std::vector<Knob> knobs;
  for (int k = 0; k < 40; ++k) knobs.push_back({absl::StrCat("K", k), {0, 1, 2, 3, 4, 5, 6, 7}});
  STRATA_ASSERT_OK_AND_ASSIGN(const SearchSpace space, SearchSpace::Create(std::move(knobs)));
  EXPECT_EQ(space.size(), int64_t{1} << 62);
}

}  // namespace
}  // namespace strata::compiler::tune
