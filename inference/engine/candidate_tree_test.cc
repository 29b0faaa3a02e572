#include "inference/engine/candidate_tree.h"

#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::inference {
namespace {

// Tokens are the letters a to h, and h ends an answer.
Sampler BoundTo(const grammar::Expr& body) {
  std::vector<std::string> tokens;
  for (char letter = 'a'; letter <= 'h'; ++letter) tokens.push_back(std::string(1, letter));
  const auto trie = std::make_shared<const grammar::TokenTrie>(
      grammar::TokenTrie::Build(tokens, std::vector<bool>(tokens.size())));
  return Sampler({}, {}, /*ends=*/{7},
                 *grammar::TokenGrammar::Create(grammar::OneRule(body), trie));
}

std::vector<int32_t> Tokens(const CandidateTree& tree) {
  std::vector<int32_t> tokens;
  for (const CandidateTree::Node& node : tree.nodes) tokens.push_back(node.token);
  return tokens;
}

TEST(CutCandidates, LeavesWhatTheGrammarAllows) {
  const Sampler sampler = BoundTo(grammar::Text("abc"));
  CandidateTree tree;
  tree.AddPath({0, 1, 3, 0}, 8);  // abda
  tree.AddPath({0, 1, 2}, 8);     // abc
  tree.AddPath({4, 0}, 8);        // ea
  CutCandidates(sampler, &tree);
  EXPECT_EQ(Tokens(tree), (std::vector<int32_t>{0, 1, 2}));
  EXPECT_EQ(tree.nodes[2].parent, 1);
  EXPECT_TRUE(tree.nodes[2].trunk);  // lies where the text will lie

  tree = {};
  tree.AddPath({3, 0}, 8);
  CutCandidates(sampler, &tree);
  EXPECT_TRUE(tree.empty());
}

TEST(CutCandidates, AnEndComesWhereTheGrammarMayEnd) {
  const Sampler sampler = BoundTo(grammar::Repeat(grammar::Text("ab")));
  CandidateTree tree;
  tree.AddPath({0, 1, 7, 0}, 8);
  CutCandidates(sampler, &tree);
  EXPECT_EQ(Tokens(tree), (std::vector<int32_t>{0, 1, 7}));
  tree = {};
  tree.AddPath({0, 7}, 8);
  CutCandidates(sampler, &tree);
  EXPECT_EQ(Tokens(tree), (std::vector<int32_t>{0}));
}

TEST(CutCandidates, DrawsAreCutWithTheirTokens) {
  const Sampler sampler = BoundTo(grammar::Text("abc"));
  CandidateTree tree;
  tree.AddPath({0, 1, 1}, 8);
  tree.draws.resize(3);
  CutCandidates(sampler, &tree);
  EXPECT_EQ(tree.nodes.size(), 2u);
  EXPECT_EQ(tree.draws.size(), 2u);
}

}  // namespace
}  // namespace strata::inference
