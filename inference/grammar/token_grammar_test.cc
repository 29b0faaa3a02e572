// Masks against trying each token, on random grammars and vocabularies.
#include "inference/grammar/token_grammar.h"

#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/grammar/grammar_oracle.h"
#include "inference/grammar/json_rules.h"
#include "nlohmann/json.hpp"

namespace strata::inference::grammar {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const TokenTrie> Trie(const std::vector<std::string>& bytes,
                                      std::vector<bool> special = {}) {
  special.resize(bytes.size());
  return std::make_shared<const TokenTrie>(TokenTrie::Build(bytes, special));
}

// Single bytes of "abcé", and texts of them of one to five.
std::vector<std::string> RandomVocabulary(std::mt19937_64& random) {
  std::vector<std::string> tokens = {"a", "b", "c", "\xc3", "\xa9", ""};
  for (int i = 0; i < 60; ++i) {
    std::string token;
    for (uint64_t size = 1 + random() % 5; size > 0; --size) token += "abc\xc3\xa9"[random() % 5];
    tokens.push_back(token);
  }
  return tokens;
}

TEST(TokenTrieTest, HoldsEachTokenAtItsText) {
  std::mt19937_64 random(1);
  const std::vector<std::string> tokens = RandomVocabulary(random);
  const auto trie = Trie(tokens);
  std::string text;
  size_t found = 0;
  for (int32_t node = 1; node < trie->size(); ++node) {
    text.resize(static_cast<size_t>(trie->depth(node)) - 1);
    text += static_cast<char>(trie->byte(node));
    for (int32_t token : trie->tokens(node)) {
      EXPECT_EQ(tokens[static_cast<size_t>(token)], text);
      ++found;
    }
    // The nodes up to end() are those that begin with the text.
    EXPECT_TRUE(trie->end(node) == trie->size() ||
                trie->depth(trie->end(node)) <= trie->depth(node));
    EXPECT_EQ(trie->is_leaf(node),
              node + 1 == trie->size() || trie->depth(node + 1) <= trie->depth(node));
  }
  EXPECT_EQ(found, tokens.size() - 1);  // the empty one is not there
  EXPECT_EQ(Trie({})->size(), 1);
}

TEST(TokenGrammarTest, MasksHaveTheTokensThatGoOn) {
  std::mt19937_64 random(7);
  int64_t compared = 0, allowed = 0;
  for (int round = 0; round < 300; ++round) {
    const std::vector<std::string> tokens = RandomVocabulary(random);
    const auto grammar = TokenGrammar::Create(RandomGrammar(random), Trie(tokens));
    if (!grammar.ok()) continue;
    for (int text = 0; text < 4; ++text) {
      TokenMatcher matcher(*grammar);
      for (int step = 0; step < 15; ++step) {
        STRATA_ASSERT_OK_AND_ASSIGN(const auto mask, matcher.Mask());
        std::vector<int32_t> next;
        for (int32_t token = 0; token < static_cast<int32_t>(tokens.size()); ++token) {
          const bool fits = TokenMatcher(matcher).Accept(token).ok();
          ASSERT_EQ(mask->Has(token), fits) << "round " << round << ", step " << step << ": "
                                            << tokens[static_cast<size_t>(token)];
          if (fits) next.push_back(token);
          ++compared;
        }
        EXPECT_EQ(next.empty(), matcher.must_end());
        if (next.empty()) break;
        allowed += static_cast<int64_t>(next.size());
        ASSERT_OK(matcher.Accept(next[random() % next.size()]));
      }
    }
  }
  EXPECT_GT(compared, 100'000);
  EXPECT_GT(allowed, 10'000);
}

TEST(TokenGrammarTest, ARefusedTokenChangesNothing) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto grammar, TokenGrammar::Create(OneRule(Text("ab")), Trie({"a", "b", "ab", ""})));
  TokenMatcher matcher(grammar);
  for (int32_t token : {1, 3, -1, 4})
    EXPECT_THAT(matcher.Accept(token),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not fit")));
  ASSERT_OK(matcher.Accept(0));
  EXPECT_FALSE(matcher.may_end());
  ASSERT_OK(matcher.Accept(1));
  EXPECT_TRUE(matcher.may_end());
  EXPECT_TRUE(matcher.must_end());
}

TEST(TokenGrammarTest, SpecialTokensMatchNoTextButTheirName) {
  const auto trie = Trie({"<", "x", ">", "<x>", "<x>"}, {false, false, false, false, true});
  STRATA_ASSERT_OK_AND_ASSIGN(const auto any,
                              TokenGrammar::Create(OneRule(Repeat(Class({{0, kLastCode}}))), trie));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto mask, TokenMatcher(any).Mask());
  EXPECT_TRUE(mask->Has(3));
  EXPECT_FALSE(mask->Has(4));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto named,
                              TokenGrammar::Create(OneRule(Text(SpecialToken(4))), trie));
  TokenMatcher matcher(named);
  EXPECT_FALSE((*matcher.Mask())->Has(3));
  ASSERT_OK(matcher.Accept(4));
  EXPECT_TRUE(matcher.must_end());
}

TEST(TokenGrammarTest, BytesDoNotSpellASpecialToken) {
  std::vector<std::string> tokens = {"<x>"};
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  std::vector<bool> special(tokens.size(), false);
  special[0] = true;
  STRATA_ASSERT_OK_AND_ASSIGN(const auto named, TokenGrammar::Create(OneRule(Text(SpecialToken(0))),
                                                                     Trie(tokens, special)));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto mask, TokenMatcher(named).Mask());
  EXPECT_TRUE(mask->Has(0));
  for (int32_t byte = 0; byte < 256; ++byte) EXPECT_FALSE(mask->Has(1 + byte)) << byte;
}

TEST(TokenGrammarTest, RandomJsonObjectsAreValid) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
  for (const char* more : {"\"}", "\":", "\": ", "{\"", "},", "]}", "\",\"", "\\u00", "12", " ,",
                           "true", "e+", "\n  ", "né", "\xf0\x9f"})
    tokens.push_back(more);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto grammar, TokenGrammar::Create(JsonObject(), Trie(tokens)));
  std::mt19937_64 random(11);
  int ended = 0;
  for (int round = 0; round < 300; ++round) {
    TokenMatcher matcher(grammar);
    std::string text;
    for (int step = 0; step < 120 && !matcher.must_end(); ++step) {
      STRATA_ASSERT_OK_AND_ASSIGN(const auto mask, matcher.Mask());
      std::vector<int32_t> next;
      for (int32_t token = 0; token < static_cast<int32_t>(tokens.size()); ++token)
        if (mask->Has(token)) next.push_back(token);
      ASSERT_FALSE(next.empty());
      int32_t token = next[random() % next.size()];
      for (const char* close : {"\"", "}", "]"})  // so that it ends
        if (random() % 4 == 0 && mask->Has(close[0])) token = close[0];
      ASSERT_OK(matcher.Accept(token));
      text += tokens[static_cast<size_t>(token)];
    }
    if (!matcher.may_end()) continue;
    ++ended;
    const nlohmann::json value = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    EXPECT_TRUE(value.is_object()) << text;
  }
  EXPECT_GT(ended, 100);
}

}  // namespace
}  // namespace strata::inference::grammar
