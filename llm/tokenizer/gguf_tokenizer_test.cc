#include "llm/tokenizer/gguf_tokenizer.h"

#include <functional>
#include <random>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "llm/tokenizer/bpe_trainer.h"
#include "llm/tokenizer/gguf_pre_types.h"
#include "llm/tokenizer/text_tokenizer.h"

namespace strata::llm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int32_t> Types(const std::vector<GgufTokenType>& types) {
  std::vector<int32_t> numbers;
  for (GgufTokenType type : types) numbers.push_back(static_cast<int32_t>(type));
  return numbers;
}

using enum GgufTokenType;

GgufTokenizer Llama() {
  GgufTokenizer gguf;
  gguf.model = "llama";
  gguf.tokens = {"<unk>", "<s>", "</s>", "<0x0A>", "\u2581", "a", "b", "\u2581a", "ab", "  "};
  gguf.token_types = Types({kUnknown, kControl, kControl, kByte, kNormal, kNormal, kNormal, kNormal,
                            kNormal, kUserDefined});
  gguf.scores = {0, 0, 0, 0, -9, -9, -9, -1, -2, 0};
  return gguf;
}

absl::StatusOr<std::unique_ptr<TextTokenizer>> Make(const GgufTokenizer& gguf) {
  STRATA_ASSIGN_OR_RETURN(TokenizerSpec spec, TokenizerFromGguf(gguf));
  return TextTokenizer::Create(std::move(spec));
}

TEST(GgufTokenizer, LlamaGoesByScores) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, Make(Llama()));
  EXPECT_THAT(tokenizer->Encode("ab"), ElementsAre(7, 6));  // the mark and "a" go first
  EXPECT_THAT(tokenizer->Encode("b\nab"), ElementsAre(4, 6, 3, 8));
  EXPECT_THAT(tokenizer->Encode("a  b"), ElementsAre(7, 9, 4, 6));
  EXPECT_THAT(tokenizer->Encode("</s>"), ElementsAre(2));
  EXPECT_THAT(tokenizer->EncodeOrdinary("</s>"), ::testing::Not(::testing::Contains(2)));
  EXPECT_EQ(tokenizer->Decode({7, 6, 3, 8}), "ab\nab");
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 2);
  GgufTokenizer plain = Llama();
  plain.add_space_prefix = false;
  plain.add_bos = false;
  STRATA_ASSERT_OK_AND_ASSIGN(auto unmarked, Make(plain));
  EXPECT_THAT(unmarked->Encode("ab"), ElementsAre(8));
  EXPECT_EQ(unmarked->Decode({7}), " a");
  EXPECT_EQ(unmarked->bos(), std::nullopt);
}

TEST(GgufTokenizer, Gpt2IsCutByName) {
  GgufTokenizer gguf;
  gguf.model = "gpt2";
  gguf.pre = "qwen2";
  gguf.tokens = {"1", "2", "12", "\u0120", "\u01201", "<|im_end|>"};
  gguf.token_types = Types({kNormal, kNormal, kNormal, kNormal, kNormal, kControl});
  gguf.merges = {"1 2", "\u0120 1"};
  gguf.eos = 5;
  STRATA_ASSERT_OK_AND_ASSIGN(auto digits, Make(gguf));
  EXPECT_THAT(digits->Encode("12 12<|im_end|>"), ElementsAre(0, 1, 3, 0, 1, 5));
  gguf.pre = "gpt-2";
  STRATA_ASSERT_OK_AND_ASSIGN(auto numbers, Make(gguf));
  EXPECT_THAT(numbers->Encode("12 12"), ElementsAre(2, 3, 2));
  EXPECT_EQ(numbers->Decode({2, 4}), "12 1");
  gguf.pre = "odd";
  EXPECT_THAT(Make(gguf), StatusIs(absl::StatusCode::kUnimplemented,
                                   HasSubstr("tokenizer.ggml.pre: 'odd' is not known")));
}

TEST(GgufTokenizer, T5AndBert) {
  GgufTokenizer t5;
  t5.model = "t5";
  t5.tokens = {"<pad>", "</s>", "<unk>", "\u2581", "\u2581a", "b", "a"};
  t5.token_types = Types({kControl, kControl, kUnknown, kNormal, kNormal, kNormal, kNormal});
  t5.scores = {0, 0, 0, -5, -2, -3, -3};
  t5.remove_extra_spaces = true;
  STRATA_ASSERT_OK_AND_ASSIGN(auto unigram, Make(t5));
  EXPECT_THAT(unigram->Encode(" a   ab "), ElementsAre(4, 4, 5));
  EXPECT_EQ(unigram->Decode({4, 4, 5}), "a ab");
  EXPECT_THAT(unigram->spec().suffix, ElementsAre(1));
  GgufTokenizer bert;
  bert.model = "bert";
  bert.tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "\u2581want", "ed", "\u2581,"};
  bert.token_types = Types({kControl, kUnknown, kControl, kControl, kNormal, kNormal, kNormal});
  bert.bos = 2;
  bert.separator = 3;
  bert.unknown = 1;
  STRATA_ASSERT_OK_AND_ASSIGN(auto wordpiece, Make(bert));
  EXPECT_THAT(wordpiece->Encode("Wanted, x"), ElementsAre(4, 5, 6, 1));
  EXPECT_THAT(wordpiece->spec().prefix, ElementsAre(2));
  EXPECT_THAT(wordpiece->spec().suffix, ElementsAre(3));
}

TEST(GgufTokenizer, FaultsNameTheirKey) {
  const auto expect = [](const std::function<void(GgufTokenizer*)>& spoil, const char* message) {
    GgufTokenizer gguf = Llama();
    spoil(&gguf);
    EXPECT_THAT(Make(gguf), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  expect([](GgufTokenizer* g) { g->tokens.clear(); }, "tokenizer.ggml.tokens: is missing");
  expect([](GgufTokenizer* g) { g->scores.pop_back(); }, "scores: has 9 entries for 10 tokens");
  expect([](GgufTokenizer* g) { g->scores.clear(); }, "scores: is missing");
  expect([](GgufTokenizer* g) { g->token_types.push_back(1); }, "token_type: has 11");
  expect([](GgufTokenizer* g) { g->eos = 10; }, "eos_token_id: 10 is outside [0, 10)");
  expect([](GgufTokenizer* g) { g->bos = -1; }, "bos_token_id: -1");
  expect([](GgufTokenizer* g) { g->tokens[8] = "a"; }, "tokens[8]: 'a' is there twice");
  expect(
      [](GgufTokenizer* g) {
        g->model = "gpt2";
        g->merges = {"a b", "ab"};
      },
      "merges[1]: 'ab' is not two tokens");
  expect(
      [](GgufTokenizer* g) {
        g->model = "gpt2";
        g->merges = {"a z"};
      },
      "merges[0]: 'a z' has a token that is not in tokens");
  GgufTokenizer gguf = Llama();
  gguf.model = "rwkv";
  EXPECT_THAT(Make(gguf), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("'rwkv'")));
}

TEST(GgufTokenizer, EveryPreTypeCompilesAndIsFoundAgain) {
  for (const char* name :
       {"",       "default",      "gpt-2",          "phi-2",       "mpt",       "llama-bpe",
        "llama3", "dbrx",         "qwen2",          "falcon",      "starcoder", "command-r",
        "smollm", "deepseek-llm", "deepseek-coder", "deepseek-v3", "tekken",    "gpt-4o",
        "bloom",  "viking",       "superbpe",       "bailingmoe",  "seed-coder"}) {
    const GgufPreType* type = FindGgufPreType(name);
    ASSERT_NE(type, nullptr) << name;
    STRATA_ASSERT_OK_AND_ASSIGN(const PreTokenizer cut, PreTokenizer::Create(StepsOf(*type)));
    const std::string text = "Hello, w\u00F6rld's 1234567 \u4E2D\u6587\r\n  x == y;\t\n";
    std::string all;
    cut.ForEachPiece(text, [&](absl::string_view piece) { absl::StrAppend(&all, piece); });
    EXPECT_EQ(all, text) << name;
    EXPECT_EQ(FindGgufPreType(StepsOf(*type), type->ignore_merges), type) << name;
  }
  EXPECT_EQ(FindGgufPreType("nobody's"), nullptr);
}

// What the way to GGUF and back must keep.
void ExpectSameIds(const TextTokenizer& a, const TextTokenizer& b, const std::string& alphabet) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (uint32_t n = random() % 20; n > 0; --n) text += alphabet[random() % alphabet.size()];
    EXPECT_EQ(a.Encode(text), b.Encode(text)) << text;
    EXPECT_EQ(a.Decode(a.Encode(text)), b.Decode(b.Encode(text))) << text;
  }
  EXPECT_EQ(a.eos(), b.eos());
  EXPECT_EQ(a.bos(), b.bos());
  EXPECT_EQ(a.vocab_size(), b.vocab_size());
}

TEST(GgufTokenizer, RoundTripOfATrainedTokenizer) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      auto tokenizer,
      TrainTokenizer("the cat and the hat and that the then <|endoftext|>", {.vocab_size = 280}));
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufTokenizer gguf, GgufFromTokenizer(tokenizer->spec()));
  EXPECT_EQ(gguf.model, "gpt2");
  EXPECT_EQ(gguf.pre, "gpt-2");
  EXPECT_EQ(gguf.token_types.back(), static_cast<int32_t>(kControl));
  STRATA_ASSERT_OK_AND_ASSIGN(auto again, Make(gguf));
  ExpectSameIds(*tokenizer, *again, "the cand\xE2\x82\xAC\n ");
}

TEST(GgufTokenizer, RoundTripOfSentencePiece) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, Make(Llama()));
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufTokenizer gguf, GgufFromTokenizer(tokenizer->spec()));
  EXPECT_EQ(gguf.scores, Llama().scores);
  EXPECT_EQ(gguf.token_types, Llama().token_types);
  STRATA_ASSERT_OK_AND_ASSIGN(auto again, Make(gguf));
  ExpectSameIds(*tokenizer, *again, "aab \n");
  // From a list of merges to scores.
  TokenizerSpec spec = tokenizer->spec();
  BpeSpec& bpe = std::get<BpeSpec>(spec.model);
  bpe.merge_by_score = false;
  bpe.merges = {{4, 5}, {5, 6}};
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufTokenizer scored, GgufFromTokenizer(spec));
  STRATA_ASSERT_OK_AND_ASSIGN(auto by_score, Make(scored));
  ExpectSameIds(*tokenizer, *by_score, "aab \n");
  bpe.merges = {{5, 6}};
  EXPECT_THAT(GgufFromTokenizer(spec),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("merges: without a pair")));
}

TEST(GgufTokenizer, WhatHasNoWordsIsRefused) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, Make(Llama()));
  const auto refused = [&](const std::function<void(TokenizerSpec*)>& change, const char* message) {
    TokenizerSpec spec = tokenizer->spec();
    change(&spec);
    EXPECT_THAT(GgufFromTokenizer(spec),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(message)));
  };
  const Normalization lowercase = Lowercase();
  refused([&](TokenizerSpec* s) { s->normalizers.push_back(lowercase); }, "normalizer: other");
  refused([](TokenizerSpec* s) { s->normalizers.clear(); }, "keeps spaces");
  refused([](TokenizerSpec* s) { s->pre_tokenizer.push_back({}); }, "pre_tokenizer: other");
  refused([](TokenizerSpec* s) { s->model = WordLevelSpec(); }, "model: WordLevel");
  refused([](TokenizerSpec* s) { s->prefix = {1, 1}; }, "post_processor: more than one");
  refused([](TokenizerSpec* s) { std::get<BpeSpec>(s->model).byte_fallback = false; },
          "model: BPE");
}

}  // namespace
}  // namespace strata::llm
