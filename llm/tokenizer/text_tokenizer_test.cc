#include "llm/tokenizer/text_tokenizer.h"

#include <map>
#include <random>
#include <thread>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "llm/tokenizer/bpe_trainer.h"
#include "llm/tokenizer/byte_alphabet.h"

namespace strata::llm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

BpeSpec& Bpe(TokenizerSpec& spec) { return std::get<BpeSpec>(spec.model); }
const BpeSpec& Bpe(const TokenizerSpec& spec) { return std::get<BpeSpec>(spec.model); }

// Text with words, code, numbers, runs and several scripts.
std::string MakeText(uint32_t seed, int words) {
  static const char* const kWords[] = {
      "the",  "then", "there", "int",   "return",    "size_t",       "  ",     "\n\n",
      "aaaa", "aaa",  "==",    "====",  "\u00FCber", "\u4E2D\u6587", "\u4E2D", "123",
      "12",   "it's", "abab",  "ababa", "banana",    "\U0001F600"};
  std::mt19937 random(seed);
  std::string text;
  for (int i = 0; i < words; ++i) {
    text += kWords[random() % (sizeof(kWords) / sizeof(kWords[0]))];
    if (random() % 3) text += ' ';
  }
  return text;
}

// The definition of BPE training, word for word: recount everything, merge the best pair, repeat.
TokenizerSpec TrainNaively(absl::string_view text, const BpeTrainerOptions& options) {
  absl::StatusOr<PreTokenizer> pre_tokenizer = PreTokenizer::Create(options.pre_tokenizer);
  EXPECT_OK(pre_tokenizer);
  std::vector<std::vector<std::string>> pieces;
  pre_tokenizer->ForEachPiece(text, [&](absl::string_view piece) {
    pieces.emplace_back();
    for (char c : piece) pieces.back().emplace_back(1, c);
  });
  TokenizerSpec spec;
  std::map<std::string, int32_t> ids;
  const auto add = [&](const std::string& bytes) {
    if (ids.emplace(bytes, ids.size()).second) spec.tokens.push_back({bytes});
  };
  for (uint8_t byte : AlphabetOrder()) add(std::string(1, static_cast<char>(byte)));
  while (spec.tokens.size() + options.special_tokens.size() <
         static_cast<size_t>(options.vocab_size)) {
    std::map<std::pair<int32_t, int32_t>, int64_t> counts;
    for (const auto& piece : pieces) {
      for (size_t i = 0; i + 1 < piece.size(); ++i) ++counts[{ids[piece[i]], ids[piece[i + 1]]}];
    }
    std::pair<int32_t, int32_t> best;
    int64_t best_count = 0;
    for (const auto& [pair, count] : counts) {  // in order of ids: the first of equals wins
      if (count > best_count) std::tie(best, best_count) = std::tie(pair, count);
    }
    if (best_count < options.min_frequency) break;
    const std::string left = spec.tokens[best.first].bytes;
    const std::string right = spec.tokens[best.second].bytes;
    Bpe(spec).merges.push_back(best);
    add(left + right);
    for (auto& piece : pieces) {
      for (size_t i = 0; i + 1 < piece.size(); ++i) {
        if (piece[i] != left || piece[i + 1] != right) continue;
        piece[i] += right;
        piece.erase(piece.begin() + i + 1);
      }
    }
  }
  return spec;
}

std::vector<std::string> BytesOf(const std::vector<Token>& tokens) {
  std::vector<std::string> bytes;
  for (const Token& token : tokens) bytes.push_back(token.bytes);
  return bytes;
}

TEST(BpeTrainer, EqualsTheNaiveTrainer) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    BpeTrainerOptions options;
    options.vocab_size = 256 + static_cast<int>(seed * 15);
    options.min_frequency = 1 + seed % 3;
    options.special_tokens.clear();
    if (seed % 4 == 3) options.pre_tokenizer = {};  // the whole text is one piece
    const std::string text = MakeText(seed, seed % 4 == 3 ? 60 : 300);
    BpeTrainer trainer(options);
    ASSERT_OK(trainer.Add(text));
    STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec fast, trainer.Train());
    const TokenizerSpec naive = TrainNaively(text, options);
    EXPECT_EQ(Bpe(fast).merges, Bpe(naive).merges) << seed;
    EXPECT_EQ(BytesOf(fast.tokens), BytesOf(naive.tokens)) << seed;
  }
}

TEST(BpeTrainer, EqualsTheNaiveTrainerOnRandomLetters) {
  // Two or three letters without cuts: overlapping pairs, and merges that spell the same token.
  std::mt19937 random(5);
  for (int round = 0; round < 60; ++round) {
    std::string text;
    const uint32_t letters = 1 + random() % 3;
    for (uint32_t n = random() % 120; n > 0; --n)
      text += static_cast<char>('a' + random() % letters);
    BpeTrainerOptions options;
    options.vocab_size = 300;
    options.min_frequency = 1;
    options.special_tokens.clear();
    options.pre_tokenizer.clear();
    BpeTrainer trainer(options);
    ASSERT_OK(trainer.Add(text));
    STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec fast, trainer.Train());
    const TokenizerSpec naive = TrainNaively(text, options);
    EXPECT_EQ(Bpe(fast).merges, Bpe(naive).merges) << text;
    EXPECT_EQ(BytesOf(fast.tokens), BytesOf(naive.tokens)) << text;
  }
}

TEST(BpeTrainer, LayoutIsGpt2s) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer,
                              TrainTokenizer(MakeText(1, 500), {.vocab_size = 300}));
  EXPECT_EQ(tokenizer->vocab_size(), 300);
  EXPECT_EQ(tokenizer->TokenBytes(0), "!");
  EXPECT_EQ(tokenizer->TokenBytes(220), " ");
  EXPECT_EQ(tokenizer->TokenBytes(299), "<|endoftext|>");
  EXPECT_EQ(tokenizer->eos(), 299);
  EXPECT_EQ(tokenizer->bos(), std::nullopt);
  EXPECT_TRUE(tokenizer->IsSpecial(299));
  EXPECT_FALSE(tokenizer->IsSpecial(298));
  EXPECT_EQ(Bpe(tokenizer->spec()).merges.size(), 43u);
}

TEST(BpeTrainer, StopsWhenNothingIsLeftToMerge) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer,
                              TrainTokenizer("ab ab", {.vocab_size = 1000, .min_frequency = 2}));
  EXPECT_EQ(tokenizer->vocab_size(), 258);  // "ab" and the end of text
  STRATA_ASSERT_OK_AND_ASSIGN(auto bytes_only, TrainTokenizer("x", {.vocab_size = 257}));
  EXPECT_EQ(bytes_only->vocab_size(), 257);
}

TEST(BpeTrainer, AddedTextCountsAndSpecialTokensAreNotLearned) {
  BpeTrainerOptions options{.vocab_size = 260};
  BpeTrainer in_parts(options);
  BpeTrainer at_once(options);
  ASSERT_OK(in_parts.Add("hello <|endoftext|>"));
  ASSERT_OK(in_parts.Add("hello "));
  ASSERT_OK(at_once.Add("hello <|endoftext|>hello "));
  STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec a, in_parts.Train());
  STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec b, at_once.Train());
  EXPECT_EQ(Bpe(a).merges, Bpe(b).merges);
  EXPECT_EQ(a.tokens[Bpe(a).merges[0].first].bytes, "e");  // "el" is first by the ids
}

TEST(BpeTrainer, BadOptionsAndCorpora) {
  const auto code = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(TrainTokenizer("text", {.vocab_size = 256}),
              StatusIs(code, HasSubstr("need at least 257")));
  EXPECT_THAT(TrainTokenizer("text", {.vocab_size = -1}),
              StatusIs(code, HasSubstr("vocab_size: -1")));
  EXPECT_THAT(TrainTokenizer("text", {.min_frequency = 0}),
              StatusIs(code, HasSubstr("min_frequency")));
  EXPECT_THAT(TrainTokenizer("text", {.special_tokens = {"a", "a"}}),
              StatusIs(code, HasSubstr("twice")));
  EXPECT_THAT(TrainTokenizer("text", {.special_tokens = {""}}), StatusIs(code, HasSubstr("empty")));
  EXPECT_THAT(TrainTokenizer("", {}), StatusIs(code, HasSubstr("empty")));
  EXPECT_THAT(TrainTokenizer("a\xFF", {}), StatusIs(code, HasSubstr("offset 1")));
}

class TrainedTokenizer : public ::testing::Test {
 protected:
  void SetUp() override {
    STRATA_ASSERT_OK_AND_ASSIGN(tokenizer_, TrainTokenizer(MakeText(9, 2000), {.vocab_size = 400}));
  }
  std::unique_ptr<TextTokenizer> tokenizer_;
};

// The definition of BPE encoding: merge the best pair, leftmost of equals, until there is none.
std::vector<int32_t> EncodePieceNaively(const TokenizerSpec& spec, absl::string_view piece) {
  std::map<std::pair<std::string, std::string>, size_t> ranks;
  std::map<std::string, int32_t> ids;
  for (size_t rank = 0; rank < Bpe(spec).merges.size(); ++rank) {
    const auto [left, right] = Bpe(spec).merges[rank];
    ranks[{spec.tokens[left].bytes, spec.tokens[right].bytes}] = rank;
  }
  for (size_t id = 0; id < spec.tokens.size(); ++id)
    ids[spec.tokens[id].bytes] = static_cast<int32_t>(id);
  std::vector<std::string> parts;
  for (char c : piece) parts.emplace_back(1, c);
  while (true) {
    size_t best = parts.size();
    size_t best_rank = Bpe(spec).merges.size();
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto it = ranks.find({parts[i], parts[i + 1]});
      if (it != ranks.end() && it->second < best_rank)
        std::tie(best, best_rank) = std::tie(i, it->second);
    }
    if (best == parts.size()) break;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + best + 1);
  }
  std::vector<int32_t> result;
  for (const std::string& part : parts) result.push_back(ids[part]);
  return result;
}

TEST_F(TrainedTokenizer, EncodesAsTheNaiveEncoder) {
  STRATA_ASSERT_OK_AND_ASSIGN(const PreTokenizer cut,
                              PreTokenizer::Create(tokenizer_->spec().pre_tokenizer));
  for (uint32_t seed = 20; seed < 30; ++seed) {
    const std::string text = MakeText(seed, 100);
    std::vector<int32_t> expected;
    cut.ForEachPiece(text, [&](absl::string_view piece) {
      for (int32_t id : EncodePieceNaively(tokenizer_->spec(), piece)) expected.push_back(id);
    });
    EXPECT_EQ(tokenizer_->Encode(text), expected);
    EXPECT_EQ(tokenizer_->Encode(text), expected) << "from the cache";
  }
}

TEST_F(TrainedTokenizer, LongPieceIsQuick) {
  const std::string letters(100000, 'a');
  EXPECT_EQ(tokenizer_->Decode(tokenizer_->Encode(letters)), letters);
}

TEST_F(TrainedTokenizer, RoundTripsAnyBytes) {
  std::mt19937 random(11);
  EXPECT_THAT(tokenizer_->Encode(""), ElementsAre());
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    EXPECT_EQ(tokenizer_->Decode(tokenizer_->Encode(one)), one);
  }
  for (int round = 0; round < 1000; ++round) {
    std::string text = round % 2 ? MakeText(round, random() % 20) : "";
    for (uint32_t n = random() % 30; n > 0; --n)
      text.insert(random() % (text.size() + 1), 1, static_cast<char>(random()));
    EXPECT_EQ(tokenizer_->Decode(tokenizer_->Encode(text)), text);
    EXPECT_EQ(tokenizer_->Decode(tokenizer_->EncodeOrdinary(text)), text);
  }
}

TEST_F(TrainedTokenizer, SpecialTokensOnlyWhereTheyAreTrusted) {
  const int32_t end = *tokenizer_->eos();
  EXPECT_EQ(tokenizer_->Encode("the<|endoftext|>the"),
            (std::vector<int32_t>{*tokenizer_->TokenId("the"), end, *tokenizer_->TokenId("the")}));
  const std::vector<int32_t> ordinary = tokenizer_->EncodeOrdinary("<|endoftext|>");
  EXPECT_THAT(ordinary, ::testing::Not(::testing::Contains(end)));
  EXPECT_EQ(tokenizer_->Decode(ordinary), "<|endoftext|>");
  EXPECT_EQ(tokenizer_->TokenId("<|endoftext|>"), end);
  EXPECT_EQ(tokenizer_->TokenId("no such token"), std::nullopt);
}

TEST_F(TrainedTokenizer, UnknownIdsGiveNothing) {
  EXPECT_EQ(tokenizer_->Decode({-1, 400, 1 << 30}), "");
  EXPECT_EQ(tokenizer_->TokenBytes(400), "");
  EXPECT_FALSE(tokenizer_->IsSpecial(-1));
  EXPECT_FALSE(tokenizer_->IsSpecial(400));
}

TEST_F(TrainedTokenizer, StreamsWholeCharacters) {
  const std::string text = "\U0001F600 caf\u00E9 \u4E2D\u6587 \U0001F680<|endoftext|>";
  inference::StreamDecoder stream(tokenizer_.get());
  std::string all;
  for (int32_t id : tokenizer_->Encode(text)) all += stream.Push(id);
  all += stream.Flush();
  EXPECT_EQ(all, text.substr(0, text.size() - 13));
}

TEST_F(TrainedTokenizer, ManyThreadsAgree) {
  const std::string text = MakeText(77, 3000);
  const std::vector<int32_t> expected = tokenizer_->Encode(text);
  std::vector<std::vector<int32_t>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = tokenizer_->Encode(text); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

// A vocabulary of "a", "b", "ab", and a token "abb" that no merge makes.
TokenizerSpec Small() {
  TokenizerSpec spec;
  for (const char* bytes : {"a", "b", "ab", "abb"}) spec.tokens.push_back({bytes});
  Bpe(spec).merges = {{0, 1}};
  return spec;
}

TEST(TextTokenizer, IgnoreMergesTakesWholePieces) {
  TokenizerSpec spec = Small();
  STRATA_ASSERT_OK_AND_ASSIGN(auto with_merges, TextTokenizer::Create(spec));
  EXPECT_THAT(with_merges->Encode("abb"), ElementsAre(2, 1));
  Bpe(spec).ignore_merges = true;
  STRATA_ASSERT_OK_AND_ASSIGN(auto without, TextTokenizer::Create(spec));
  EXPECT_THAT(without->Encode("abb"), ElementsAre(3));
  EXPECT_THAT(without->Encode("abba"), ElementsAre(2, 1, 0));
}

TEST(TextTokenizer, UnknownBytesAreDroppedOrMarked) {
  TokenizerSpec spec = Small();
  STRATA_ASSERT_OK_AND_ASSIGN(auto dropping, TextTokenizer::Create(spec));
  EXPECT_THAT(dropping->Encode("axyb"), ElementsAre(2));
  spec.tokens.push_back({"<unk>", true});
  spec.unknown = 4;
  STRATA_ASSERT_OK_AND_ASSIGN(auto marking, TextTokenizer::Create(spec));
  EXPECT_THAT(marking->Encode("axyb"), ElementsAre(0, 4, 4, 1));
  Bpe(spec).fuse_unknown = true;
  STRATA_ASSERT_OK_AND_ASSIGN(auto fusing, TextTokenizer::Create(spec));
  EXPECT_THAT(fusing->Encode("axyb"), ElementsAre(0, 4, 1));
}

TEST(TextTokenizer, NormalizesTextAndWhatIsLookedForInIt) {
  TokenizerSpec spec = Small();
  spec.tokens.push_back({"e\u0301", true});
  AddedToken token;
  token.id = 4;
  token.content = "e\u0301";
  token.normalized = true;
  token.special = false;
  spec.added = {token};
  spec.normalizers = {UnicodeForm::kNfc};
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, TextTokenizer::Create(spec));
  EXPECT_THAT(tokenizer->Encode("a\u00E9"
                                "b"),
              ElementsAre(0, 4, 1));
  EXPECT_THAT(tokenizer->EncodeOrdinary("ae\u0301"
                                        "b"),
              ElementsAre(0, 4, 1));
}

TEST(TextTokenizer, FaultySpecsAreRefusedWithTheirPlace) {
  const auto expect = [](const std::function<void(TokenizerSpec*)>& spoil,
                         absl::string_view message) {
    TokenizerSpec spec = Small();
    spoil(&spec);
    EXPECT_THAT(TextTokenizer::Create(spec),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(std::string(message))));
  };
  expect(
      [](TokenizerSpec* s) {
        Bpe(*s).merges.push_back({0, 9});
      },
      "model: merges[1]: 9 is no id");
  expect([](TokenizerSpec* s) { Bpe(*s).merges.push_back({-1, 0}); }, "merges[1]: -1 is no id");
  expect(
      [](TokenizerSpec* s) {
        Bpe(*s).merges.push_back({0, 1});
      },
      "merges[1]: the same as merges[0]");
  expect(
      [](TokenizerSpec* s) {
        Bpe(*s).merges.push_back({1, 1});
      },
      "merges[1]: its result 'bb' is not in");
  expect([](TokenizerSpec* s) { s->tokens.push_back({"a"}); }, "vocab: ids 0 and 4 are both 'a'");
  expect([](TokenizerSpec* s) { s->unknown = 7; }, "unk_token: id 7");
  expect([](TokenizerSpec* s) { s->eos = 7; }, "eos_token: id 7");
  expect([](TokenizerSpec* s) { s->prefix = {-3}; }, "post_processor: id -3");
  expect([](TokenizerSpec* s) { s->added.push_back({}); }, "added_tokens[0]: content: is empty");
  expect([](TokenizerSpec* s) { s->added.push_back({9, "x"}); }, "added_tokens[0]: id: 9");
  expect(
      [](TokenizerSpec* s) {
        s->added.push_back({0, "x"});
      },
      "id: 0 is 'a' in the vocabulary, not 'x'");
  expect(
      [](TokenizerSpec* s) {
        s->added = {{0, "a"}, {0, "a"}};
      },
      "added_tokens[1].content: 'a' is already");
}

}  // namespace
}  // namespace strata::llm
