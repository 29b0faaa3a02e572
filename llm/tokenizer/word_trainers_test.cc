// The Unigram and WordPiece trainers against hand-worked examples and slow, obvious versions.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "llm/tokenizer/text_tokenizer.h"
#include "llm/tokenizer/tokenizer_json.h"
#include "llm/tokenizer/unigram_trainer.h"
#include "llm/tokenizer/wordpiece_trainer.h"

namespace strata::llm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kText[] =
    "the cat and the hat and the bat sat on the mat; that cat, the fat cat, ate the rat. "
    "caf\u00E9 and caf\u00E9s and the \u4E2D\u6587 of the hats";

const std::vector<PreTokenizerStep>& AtSpaces() {
  static const auto* const steps =
      new std::vector<PreTokenizerStep>{PlainStep(PreTokenizerStep::Kind::kWhitespaceSplit)};
  return *steps;
}

std::string RandomWords(std::mt19937& random, int words) {
  std::string text;
  for (int w = 0; w < words; ++w) {
    absl::StrAppend(&text, w > 0 ? " " : "");
    for (uint32_t n = 1 + random() % 5; n > 0; --n) text += "abc"[random() % 3];
  }
  return text;
}

std::map<std::string, int64_t> CountsOf(const std::string& text) {
  std::map<std::string, int64_t> counts;
  std::string word;
  for (const char c : text + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      ++counts[std::exchange(word, "")];
    }
  }
  return counts;
}

// ---- Unigram ----

using Scores = std::map<std::string, double>;

Scores ScoresOf(const TokenizerSpec& spec) {
  Scores scores;
  for (const Token& token : spec.tokens) {
    if (!token.literal) scores[token.bytes] = token.score;
  }
  return scores;
}

// Calls visit(tokens, score) with every way to spell the text.
void ForEachSpelling(const std::string& text, const Scores& scores,
                     const std::function<void(const std::vector<std::string>&, double)>& visit,
                     std::vector<std::string>* tokens, double score) {
  if (text.empty()) return visit(*tokens, score);
  for (size_t size = 1; size <= text.size(); ++size) {
    const auto it = scores.find(text.substr(0, size));
    if (it == scores.end()) continue;
    tokens->push_back(it->first);
    ForEachSpelling(text.substr(size), scores, visit, tokens, score + it->second);
    tokens->pop_back();
  }
}

double Probability(const std::string& word, const Scores& scores) {
  double sum = 0;
  std::vector<std::string> tokens;
  ForEachSpelling(
      word, scores, [&](const auto&, double score) { sum += std::exp(score); }, &tokens, 0);
  return sum;
}

double LogLikelihood(const std::map<std::string, int64_t>& words, const Scores& scores) {
  double sum = 0;
  for (const auto& [word, count] : words)
    sum += static_cast<double>(count) * std::log(Probability(word, scores));
  return sum;
}

UnigramTrainerOptions Plain(int vocab_size, int em_rounds) {
  return {.vocab_size = vocab_size,
          .em_rounds = em_rounds,
          .special_tokens = {"<unk>"},
          .pre_tokenizer = AtSpaces()};
}

// "ab" twice. Seeds a, b, ab, each twice: 1/3. Spellings: ab 1/3, a b 1/9, so 3/4 and 1/4 of them.
// Expected: ab 3/2, a and b 1/2 each: 3/5, 1/5, 1/5.
TEST(UnigramTrainer, OneRoundByHand) {
  STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec spec, TrainUnigram("ab ab", Plain(10, 1)));
  ASSERT_EQ(spec.tokens.size(), 4u);
  EXPECT_EQ(spec.tokens[0].bytes, "<unk>");
  EXPECT_EQ(spec.tokens[1].bytes, "ab");
  EXPECT_NEAR(spec.tokens[1].score, std::log(0.6), 1e-12);
  EXPECT_EQ(spec.tokens[2].bytes, "a");
  EXPECT_NEAR(spec.tokens[2].score, std::log(0.2), 1e-12);
  EXPECT_EQ(spec.tokens[3].bytes, "b");
  EXPECT_EQ(spec.unknown, 0);
}

// One more round of EM over all spellings, one by one.
TEST(UnigramTrainer, EqualsEmOverAllSpellings) {
  std::mt19937 random(1);
  for (int seed = 0; seed < 20; ++seed) {
    const std::string text = RandomWords(random, 12);
    STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec first, TrainUnigram(text, Plain(1000, 1)));
    STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec second, TrainUnigram(text, Plain(1000, 2)));
    const Scores scores = ScoresOf(first);
    std::map<std::string, double> expected;
    for (const auto& [word, count] : CountsOf(text)) {
      const double all = Probability(word, scores);
      std::vector<std::string> tokens;
      ForEachSpelling(
          word, scores,
          [&, count = count](const std::vector<std::string>& spelling, double score) {
            for (const std::string& token : spelling)
              expected[token] += static_cast<double>(count) * std::exp(score) / all;
          },
          &tokens, 0);
    }
    double sum = 0;
    for (const auto& [token, count] : expected) sum += std::max(count, 1e-6);
    for (const auto& [token, score] : ScoresOf(second))
      EXPECT_NEAR(score, std::log(std::max(expected[token], 1e-6) / sum), 1e-9) << token;
  }
}

TEST(UnigramTrainer, EveryRoundMakesTheTextLikelier) {
  std::mt19937 random(2);
  const std::string text = RandomWords(random, 40);
  double before = -1e300;
  for (int rounds = 1; rounds <= 8; ++rounds) {
    STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec spec, TrainUnigram(text, Plain(1000, rounds)));
    const double now = LogLikelihood(CountsOf(text), ScoresOf(spec));
    EXPECT_GE(now, before - 1e-4) << rounds;
    before = now;
  }
}

// What is dropped costs less than what any other token of the same size would have.
TEST(UnigramTrainer, DropsWhatCostsLittle) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const TokenizerSpec spec,
      TrainUnigram("hello hello hello hello hello hello xyz xyz abcd", Plain(13, 4)));
  const Scores scores = ScoresOf(spec);  // h e l o x y z a b c d, and one more
  EXPECT_EQ(scores.size(), 12u);
  EXPECT_EQ(scores.count("hello"), 1u);
}

TEST(UnigramTrainer, KeepsItsSizeItsCharactersAndTheText) {
  for (const int vocab_size : {40, 50}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec spec,
                                TrainUnigram(kText, {.vocab_size = vocab_size}));
    EXPECT_EQ(spec.tokens.size(), static_cast<size_t>(vocab_size));
    EXPECT_EQ(PrintTokenizerJson(*TrainUnigram(kText, {.vocab_size = vocab_size})),
              PrintTokenizerJson(spec));
    double sum = 0;
    for (const auto& [token, score] : ScoresOf(spec)) sum += std::exp(score);
    EXPECT_NEAR(sum, 1, 1e-9);
    STRATA_ASSERT_OK_AND_ASSIGN(const auto tokenizer, TextTokenizer::Create(spec));
    EXPECT_EQ(tokenizer->Decode(tokenizer->Encode(kText)), kText);
    EXPECT_EQ(tokenizer->eos(), 1);
    EXPECT_THAT(tokenizer->Encode("the"), ::testing::SizeIs(1));
    STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec read,
                                ParseTokenizerJson(PrintTokenizerJson(spec)));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto again, TextTokenizer::Create(read));
    EXPECT_EQ(again->Encode(kText), tokenizer->Encode(kText));
  }
}

TEST(UnigramTrainer, BadOptionsAndCorpora) {
  const auto expect = [](const UnigramTrainerOptions& options, const char* text,
                         const char* message) {
    EXPECT_THAT(TrainUnigram(text, options),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  expect({.vocab_size = 4}, "abc", "vocab_size: 4 is too small; 4 characters and 2 special tokens");
  expect({.max_characters = 0}, "abc", "max_characters: 0");
  expect({.em_rounds = 0}, "abc", "em_rounds: 0");
  expect({.shrink = 1}, "abc", "shrink: 1 must be");
  expect({.special_tokens = {"a", "a"}}, "abc", "special_tokens: one is there twice");
  expect({.special_tokens = {"<unk>", "b"}, .normalizers = {Lowercase()}}, "ab B",
         "special_tokens: 'b' is made from the text too");
  expect({}, "", "empty");
  expect({}, "a\xFF", "UTF-8");
}

// ---- WordPiece ----

std::vector<std::string> TextsOf(const TokenizerSpec& spec) {
  std::vector<std::string> texts;
  for (const Token& token : spec.tokens) {
    if (!token.literal) texts.push_back(token.bytes);
  }
  return texts;
}

WordPieceTrainerOptions Small(int vocab_size) {
  return {.vocab_size = vocab_size, .special_tokens = {"[UNK]"}};
}

// hug 10, pug 5, pun 12, bun 4, hugs 5. ##g ##s: 5 / (20 * 5), the best. Then all pairs have
// 1 / count(##u), 1/36: the lowest ids are ##u ##g. Then 1/21 thrice: ##u ##n before ##u ##gs and
// b ##u. Then ##u ##gs with 5 / (5 * 5), and h ##ugs with 5 / (15 * 5) before b ##un with 4 / (4 * 16).
TEST(WordPieceTrainer, ByHand) {
  std::string text;
  const std::pair<const char*, int> words[] = {
      {"hug", 10}, {"pug", 5}, {"pun", 12}, {"bun", 4}, {"hugs", 5}};
  for (const auto& [word, count] : words) {
    for (int i = 0; i < count; ++i) absl::StrAppend(&text, word, " ");
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec spec, TrainWordPiece(text, Small(13)));
  EXPECT_THAT(TextsOf(spec), ElementsAre("##g", "##n", "##s", "##u", "b", "h", "p", "##gs", "##ug",
                                         "##un", "##ugs", "hugs"));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto tokenizer, TextTokenizer::Create(spec));
  EXPECT_THAT(tokenizer->Encode("Hugs bugs"), ElementsAre(12, 5, 11));
  EXPECT_EQ(tokenizer->Decode({12, 5, 11}), "hugs bugs");
}

std::vector<std::string> TrainNaively(const std::string& text, size_t size, int64_t min_frequency) {
  std::vector<std::pair<std::vector<std::string>, int64_t>> words;
  std::set<std::string> characters;
  for (const auto& [word, count] : CountsOf(text)) {
    words.push_back({{}, count});
    for (size_t i = 0; i < word.size(); ++i) {
      words.back().first.push_back((i > 0 ? "##" : "") + word.substr(i, 1));
      characters.insert(words.back().first.back());
    }
  }
  std::vector<std::string> tokens(characters.begin(), characters.end());
  const auto id = [&](const std::string& token) {
    return std::find(tokens.begin(), tokens.end(), token) - tokens.begin();
  };
  while (tokens.size() < size) {
    std::map<std::string, double> counts;
    std::map<std::pair<int64_t, int64_t>, int64_t> pairs;  // by ids
    for (const auto& [word, count] : words) {
      for (size_t i = 0; i < word.size(); ++i) {
        counts[word[i]] += static_cast<double>(count);
        if (i > 0) pairs[{id(word[i - 1]), id(word[i])}] += count;
      }
    }
    double best = 0;
    std::pair<int64_t, int64_t> pair;
    for (const auto& [candidate, count] : pairs) {
      const double score = static_cast<double>(count) /
                           (counts[tokens[candidate.first]] * counts[tokens[candidate.second]]);
      if (count >= min_frequency && score > best) {
        best = score;
        pair = candidate;
      }
    }
    if (best == 0) break;
    const std::string left = tokens[pair.first], right = tokens[pair.second];
    const std::string made = left + right.substr(2);
    if (id(made) == static_cast<int64_t>(tokens.size())) tokens.push_back(made);
    for (auto& [word, count] : words) {
      for (size_t i = 0; i + 1 < word.size(); ++i) {
        if (word[i] != left || word[i + 1] != right) continue;
        word[i] = made;
        word.erase(word.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
    }
  }
  return tokens;
}

TEST(WordPieceTrainer, EqualsTheNaiveTrainer) {
  std::mt19937 random(3);
  for (int seed = 0; seed < 40; ++seed) {  // the last ones until nothing is left to merge
    const std::string text = RandomWords(random, seed < 30 ? 50 : 400);
    const uint32_t most = seed < 30 ? 40 : 500;
    WordPieceTrainerOptions options = Small(static_cast<int>(7 + random() % most));
    options.min_frequency = 1 + seed % 3;
    STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec spec, TrainWordPiece(text, options));
    EXPECT_EQ(TextsOf(spec), TrainNaively(text, static_cast<size_t>(options.vocab_size) - 1,
                                          options.min_frequency))
        << text;
  }
}

TEST(WordPieceTrainer, MakesBertsTokenizer) {
  STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec spec, TrainWordPiece(kText, {.vocab_size = 80}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto tokenizer, TextTokenizer::Create(spec));
  EXPECT_THAT(spec.prefix, ElementsAre(2));
  EXPECT_THAT(spec.suffix, ElementsAre(3));
  EXPECT_EQ(tokenizer->eos(), 3);
  EXPECT_EQ(tokenizer->Decode(tokenizer->Encode("The Hats, the cats")), "the hats, the cats");
  EXPECT_THAT(tokenizer->Encode("xyz"), ElementsAre(1));
  STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec read,
                              ParseTokenizerJson(PrintTokenizerJson(spec)));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto again, TextTokenizer::Create(read));
  EXPECT_EQ(again->Encode(kText), tokenizer->Encode(kText));
}

TEST(WordPieceTrainer, BadOptionsAndCorpora) {
  const auto expect = [](const WordPieceTrainerOptions& options, const char* text,
                         const char* message) {
    EXPECT_THAT(TrainWordPiece(text, options),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  expect({.vocab_size = 7}, "abc", "vocab_size: 7 is too small; 3 characters and 5 special tokens");
  expect({.vocab_size = -1}, "abc", "vocab_size: -1");
  expect({.min_frequency = 0}, "abc", "min_frequency: 0");
  expect({.special_tokens = {""}}, "abc", "special_tokens: one is empty");
  expect({.special_tokens = {"[UNK]", "ab"}}, "AB ab x AB",
         "special_tokens: 'ab' is made from the text too");
  expect({}, "", "empty");
}

}  // namespace
}  // namespace strata::llm
