#include "inference/engine/prompt_lookup.h"

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::inference {
namespace {

using Tokens = std::vector<int32_t>;

CandidateTree Guess(const Tokens& text, int64_t most, int64_t depth, int64_t ngram, int64_t width) {
  PromptLookup lookup(ngram, width);
  const Speculator::Ask ask = {
      .sequence = 1, .tokens = text, .most = most, .depth = depth, .sampler = nullptr};
  auto trees = lookup.Propose({ask});
  EXPECT_OK(trees);
  return trees->at(0);
}

Tokens TokensOf(const CandidateTree& tree) {
  Tokens tokens;
  for (const CandidateTree::Node& node : tree.nodes) tokens.push_back(node.token);
  return tokens;
}

TEST(PromptLookup, TheLatestPlaceOfTheLongestEndIsContinued) {
  // ... 1 2 3 [4 5] ... 9 2 3 [6 7] ... 1 2 3
  const Tokens text = {1, 2, 3, 4, 5, 9, 2, 3, 6, 7, 1, 2, 3};
  EXPECT_EQ(TokensOf(Guess(text, 2, 2, /*ngram=*/3, 1)), (Tokens{4, 5}));
  EXPECT_EQ(TokensOf(Guess(text, 2, 2, /*ngram=*/2, 1)), (Tokens{6, 7}));
}

TEST(PromptLookup, FewerTokensAreTriedWhenMoreAreNotFound) {
  EXPECT_EQ(TokensOf(Guess({7, 8, 1, 7}, 3, 3, 3, 1)), (Tokens{8, 1, 7}));
  EXPECT_TRUE(Guess({1, 2, 3}, 3, 3, 3, 1).empty());
  EXPECT_TRUE(Guess({1}, 3, 3, 3, 1).empty());
}

TEST(PromptLookup, SeveralContinuationsMakeATree) {
  const Tokens text = {5, 1, 2, 5, 1, 3, 5};
  const CandidateTree tree = Guess(text, 4, 2, 1, 2);
  EXPECT_EQ(TokensOf(tree), (Tokens{1, 3, 2}));  // 5 -> 1 -> {3, 2}
  EXPECT_EQ(tree.nodes[1].parent, 0);
  EXPECT_EQ(tree.nodes[2].parent, 0);
  EXPECT_TRUE(tree.nodes[1].trunk);
  EXPECT_FALSE(tree.nodes[2].trunk);
  EXPECT_EQ(tree.Child(0, 2), 2);
  EXPECT_EQ(tree.Child(-1, 9), -1);
}

TEST(PromptLookup, ATreeHasNoMoreNodesThanAsked) {
  EXPECT_EQ(Guess({5, 1, 2, 5, 1, 3, 5}, 2, 8, 1, 2).nodes.size(), 2u);
}

}  // namespace
}  // namespace strata::inference
