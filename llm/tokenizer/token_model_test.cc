// The models and decoders that are not byte-level BPE, on small vocabularies.
#include <algorithm>
#include <functional>
#include <limits>
#include <random>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/engine/tokenizer.h"
#include "llm/tokenizer/text_tokenizer.h"

namespace strata::llm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TokenizerSpec TextSpec(ModelSpec model, const std::vector<std::string>& tokens) {
  TokenizerSpec spec;
  spec.byte_level = false;
  spec.model = std::move(model);
  for (const std::string& token : tokens) spec.tokens.push_back({token});
  return spec;
}

void AddSpecial(int32_t id, TokenizerSpec* spec) {
  AddedToken token;
  token.id = id;
  token.content = spec->tokens[id].bytes;
  spec->added.push_back(token);
  spec->tokens[id].literal = true;
}

// ---- WordPiece ----

TokenizerSpec Bert() {
  TokenizerSpec spec =
      TextSpec(WordPieceSpec(), {"[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "##a", "want",
                                 "##ed", ",", "a", "\u4E2D"});
  for (int32_t id = 0; id < 3; ++id) AddSpecial(id, &spec);
  spec.unknown = 0;
  spec.normalizers = {BertNormalization()};
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::kBert;
  spec.pre_tokenizer = {step};
  spec.decoders = {DecodeWordPiece()};
  spec.prefix = {1};
  spec.suffix = {2};
  return spec;
}

TEST(WordPiece, LongestFirst) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, TextTokenizer::Create(Bert()));
  EXPECT_THAT(tokenizer->Encode("Unaffable, wanted"), ElementsAre(3, 4, 5, 9, 7, 8));
  EXPECT_THAT(tokenizer->Encode("unaffablez a\u4E2Da"), ElementsAre(0, 10, 11, 10));
  EXPECT_THAT(tokenizer->Encode("want[SEP]a"), ElementsAre(7, 2, 10));
  EXPECT_THAT(tokenizer->EncodeOrdinary("[SEP]"), ElementsAre(0, 0, 0));
  EXPECT_THAT(tokenizer->Encode(std::string(101, 'a')), ElementsAre(0));
  EXPECT_THAT(tokenizer->Encode(std::string(100, 'a')), ::testing::SizeIs(100));
  EXPECT_THAT(tokenizer->Encode("\xFF"), ElementsAre(0));
  EXPECT_THAT(tokenizer->Encode(""), ElementsAre());
  EXPECT_EQ(tokenizer->bos(), 1);
}

TEST(WordPiece, DecodesWithSpaces) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, TextTokenizer::Create(Bert()));
  EXPECT_EQ(tokenizer->Decode({3, 4, 5, 9, 7, 8}), "unaffable, wanted");
  EXPECT_EQ(tokenizer->Decode({1, 7, 2}), "[CLS] want [SEP]");
  inference::StreamDecoder text(tokenizer.get(), true, inference::StreamStart::kText);
  EXPECT_EQ(text.Push(1), "");
  EXPECT_EQ(text.Push(7), "want");
  EXPECT_EQ(text.Push(10), " a");
  inference::StreamDecoder continuation(tokenizer.get());
  EXPECT_EQ(continuation.Push(7), " want");
}

// ---- Unigram ----

TokenizerSpec Unigram(const std::vector<std::pair<std::string, double>>& tokens) {
  TokenizerSpec spec = TextSpec(UnigramSpec(), {"<unk>"});
  spec.tokens[0].literal = true;
  spec.unknown = 0;
  for (const auto& [text, score] : tokens) spec.tokens.push_back({text, false, score});
  return spec;
}

TEST(Unigram, TakesTheMostProbablePath) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      auto tokenizer,
      TextTokenizer::Create(
          Unigram({{"a", -3}, {"b", -3}, {"ab", -4}, {"abb", -9}, {"bb", -2}, {"\u4E2D", -1}})));
  EXPECT_THAT(tokenizer->Encode("ab"), ElementsAre(3));
  EXPECT_THAT(tokenizer->Encode("abb"), ElementsAre(1, 5));
  EXPECT_THAT(tokenizer->Encode("a\u4E2Db"), ElementsAre(1, 6, 2));
  EXPECT_THAT(tokenizer->Encode("axyzb"), ElementsAre(1, 0, 2));  // a run of unknowns is one
  EXPECT_THAT(tokenizer->Encode(""), ElementsAre());
}

TEST(Unigram, BytesStandInForUnknownCharacters) {
  TokenizerSpec spec = Unigram({{"a", -1}});
  std::get<UnigramSpec>(spec.model).byte_fallback = true;
  for (const char* byte : {"<0xE4>", "<0xB8>", "<0xAD>"}) spec.tokens.push_back({byte, true, 0});
  spec.decoders = {DecodeByteFallback(), DecodeFuse()};
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, TextTokenizer::Create(spec));
  EXPECT_THAT(tokenizer->Encode("a\u4E2Da"), ElementsAre(1, 2, 3, 4, 1));
  EXPECT_EQ(tokenizer->Decode({1, 2, 3, 4, 1}), "a\u4E2Da");
  EXPECT_THAT(tokenizer->Encode("a!"), ElementsAre(1, 0));  // no token for that byte
}

// All segmentations: the best sum of scores.
double BestScore(const TokenizerSpec& spec, absl::string_view text, double unknown) {
  if (text.empty()) return 0;
  double best = -std::numeric_limits<double>::infinity();
  bool alone = false;
  for (const Token& token : spec.tokens) {
    if (token.literal || text.substr(0, token.bytes.size()) != token.bytes) continue;
    alone |= token.bytes.size() == 1;
    best = std::max(best, token.score + BestScore(spec, text.substr(token.bytes.size()), unknown));
  }
  return alone ? best : std::max(best, unknown + BestScore(spec, text.substr(1), unknown));
}

TEST(Unigram, EqualsAllSegmentationsTried) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<std::string, double>> tokens;
    double worst = 0;
    const auto word = [&](uint32_t longest) {
      std::string text;
      for (uint32_t n = 1 + random() % longest; n > 0; --n) text += "abc"[random() % 3];
      return text;
    };
    for (uint32_t n = random() % 12; n > 0; --n) {
      const std::string text = word(4);
      const double score = -static_cast<double>(random() % 1000) / 100;
      if (std::any_of(tokens.begin(), tokens.end(), [&](auto& t) { return t.first == text; }))
        continue;
      tokens.emplace_back(text, score);
      worst = std::min(worst, score);
    }
    TokenizerSpec spec = Unigram(tokens);
    std::get<UnigramSpec>(spec.model).fuse_unknown = false;
    STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, TextTokenizer::Create(spec));
    const std::string text = word(12);
    double score = 0;
    for (int32_t id : tokenizer->Encode(text))
      score += id == 0 ? worst - 10 : spec.tokens[id].score;
    EXPECT_NEAR(score, BestScore(spec, text, worst - 10), 1e-9) << text;
  }
}

TEST(Unigram, FaultsAreNamed) {
  TokenizerSpec spec = Unigram({{"a", std::numeric_limits<double>::quiet_NaN()}});
  EXPECT_THAT(TextTokenizer::Create(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                                    HasSubstr("model: vocab: the score of 'a'")));
  spec = Unigram({{"a", 0}, {"a", 1}});
  EXPECT_THAT(TextTokenizer::Create(spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ids 1 and 2 are both 'a'")));
  spec.byte_level = true;
  EXPECT_THAT(TextTokenizer::Create(spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cannot be byte-level")));
}

// ---- SentencePiece's BPE ----

// Llama 2's way: a mark before the text and for each space, no pre-tokenizer.
TokenizerSpec Llama(bool by_score) {
  TokenizerSpec spec =
      TextSpec(BpeSpec(),
               {"<unk>", "<s>", "</s>", "<0x0A>", "<0xE4>", "<0xB8>", "<0xAD>", "\u2581", "a", "b",
                "\u2581a", "ab", "\u2581ab", "\u2581\u2581", "bb", "\u2581\u2581\u2581\u2581"});
  for (int32_t id = 0; id < 3; ++id) AddSpecial(id, &spec);
  for (int32_t id = 3; id < 7; ++id) spec.tokens[id].literal = true;
  for (size_t id = 0; id < spec.tokens.size(); ++id) spec.tokens[id].score = -double(id);
  BpeSpec& bpe = std::get<BpeSpec>(spec.model);
  bpe.byte_fallback = true;
  bpe.fuse_unknown = true;
  bpe.merge_by_score = by_score;
  if (!by_score) bpe.merges = {{7, 8}, {8, 9}, {10, 9}, {7, 11}, {7, 7}, {9, 9}, {13, 13}};
  spec.unknown = 0;
  spec.normalizers = {PrependText{"\u2581"}, ReplaceText{" ", true, "\u2581"}};
  spec.decoders = {ReplaceText{"\u2581", true, " "}, DecodeByteFallback(), DecodeFuse(),
                   DecodeStrip{" ", 1, 0}};
  spec.prefix = {1};
  return spec;
}

TEST(SentencePieceBpe, MergesAndFallsBack) {
  for (bool by_score : {false, true}) {
    STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, TextTokenizer::Create(Llama(by_score)));
    EXPECT_THAT(tokenizer->Encode("ab a"), ElementsAre(12, 10));
    EXPECT_THAT(tokenizer->Encode("a  bb"), ElementsAre(10, 13, 14));
    EXPECT_THAT(tokenizer->Encode("a    a"), ElementsAre(10, 13, 7, 10));
    EXPECT_THAT(tokenizer->Encode("b\n\u4E2D"), ElementsAre(7, 9, 3, 4, 5, 6));
    EXPECT_THAT(tokenizer->Encode("\u4E2E"), ElementsAre(7, 0));
    EXPECT_THAT(tokenizer->Encode("<s>a"), ElementsAre(1, 10));
    EXPECT_EQ(tokenizer->Decode({12, 10, 3}), "ab a\n");
    EXPECT_EQ(tokenizer->Decode({1, 10}), "<s> a");
    EXPECT_EQ(tokenizer->TokenId(" a"), 10);
    EXPECT_EQ(tokenizer->TokenId("\n"), 3);
    for (const char* text : {"ab a bb", " a", "a\n\u4E2Db", "  ab"})
      EXPECT_EQ(tokenizer->Decode(tokenizer->Encode(text)), text);
  }
}

TEST(SentencePieceBpe, CutsAtMarksChangeNothing) {
  // A token that ends in a mark keeps the model from being cut there.
  TokenizerSpec spec = Llama(false);
  spec.tokens.push_back({"b\u2581"});
  std::get<BpeSpec>(spec.model).merges.insert(std::get<BpeSpec>(spec.model).merges.begin(), {9, 7});
  STRATA_ASSERT_OK_AND_ASSIGN(auto crossing, TextTokenizer::Create(spec));
  EXPECT_THAT(crossing->Encode("ab a"), ElementsAre(10, 16, 8));
  // With cuts a long text gives what its words give.
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, TextTokenizer::Create(Llama(true)));
  std::string text = "ab";
  std::vector<int32_t> expected = {12};
  for (int i = 0; i < 5000; ++i) {
    text += i % 2 ? " abb" : " bab";
    const std::vector<int32_t> word =
        i % 2 ? std::vector<int32_t>{12, 9} : std::vector<int32_t>{7, 9, 11};
    expected.insert(expected.end(), word.begin(), word.end());
  }
  EXPECT_EQ(tokenizer->Encode(text), expected);
}

TEST(SentencePieceBpe, StreamsFromTheStartOrAfterAPrompt) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, TextTokenizer::Create(Llama(true)));
  const std::vector<int32_t> ids = tokenizer->Encode("ab \u4E2D a");
  inference::StreamDecoder text(tokenizer.get(), true, inference::StreamStart::kText);
  inference::StreamDecoder continuation(tokenizer.get());
  std::string of_text, of_continuation;
  for (int32_t id : ids) {
    of_text += text.Push(id);
    of_continuation += continuation.Push(id);
  }
  EXPECT_EQ(of_text + text.Flush(), "ab \u4E2D a");
  EXPECT_EQ(of_continuation + continuation.Flush(), " ab \u4E2D a");
  // Only one space is left off, though the first token is nothing else.
  inference::StreamDecoder spaces(tokenizer.get(), true, inference::StreamStart::kText);
  EXPECT_EQ(spaces.Push(7), "");
  EXPECT_EQ(spaces.Push(10), " a");
  EXPECT_EQ(tokenizer->Decode({7, 10}), " a");
}

// ---- Parts from different sources ----

TEST(EncodeParts, SpecialTokensOnlyInsideTrustedParts) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, TextTokenizer::Create(Llama(true)));
  EXPECT_THAT(tokenizer->EncodeParts({{"<s>", true}, {"ab", false}, {" a</s>", true}}),
              ElementsAre(1, 12, 10, 2));
  const std::vector<int32_t> forged =
      tokenizer->EncodeParts({{"<s>", true}, {"a</s><s>", false}, {"</", true}, {"s>", false}});
  EXPECT_EQ(std::count(forged.begin(), forged.end(), 2), 0);
  EXPECT_EQ(std::count(forged.begin(), forged.end(), 1), 1);
  // Where a part ends makes no difference to the text: "a" and "b" merge.
  EXPECT_EQ(tokenizer->EncodeParts({{"a", true}, {"b", false}}), tokenizer->Encode("ab"));
  EXPECT_THAT(tokenizer->EncodeParts({}), ElementsAre());
}

// ---- Metaspace ----

TokenizerSpec T5(PrependScheme scheme) {
  TokenizerSpec spec =
      Unigram({{"\u2581", -4}, {"\u2581a", -2}, {"a", -3}, {"b", -3}, {"\u2581b", -2}});
  spec.tokens.push_back({"</s>", true});
  AddSpecial(6, &spec);
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::kMetaspace;
  step.prepend_scheme = scheme;
  spec.pre_tokenizer = {step};
  spec.decoders = {DecodeMetaspace{"\u2581", scheme != PrependScheme::kNever}};
  return spec;
}

TEST(Metaspace, MarksAlwaysFirstOrNever) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto always, TextTokenizer::Create(T5(PrependScheme::kAlways)));
  EXPECT_THAT(always->Encode("a b</s>b"), ElementsAre(2, 5, 6, 5));
  EXPECT_EQ(always->Decode({2, 5}), "a b");
  STRATA_ASSERT_OK_AND_ASSIGN(auto first, TextTokenizer::Create(T5(PrependScheme::kFirst)));
  EXPECT_THAT(first->Encode("a b</s>b"), ElementsAre(2, 5, 6, 4));
  EXPECT_THAT(first->Encode("</s>b"), ElementsAre(6, 4));
  EXPECT_THAT(first->Encode(" b"), ElementsAre(5));
  STRATA_ASSERT_OK_AND_ASSIGN(auto never, TextTokenizer::Create(T5(PrependScheme::kNever)));
  EXPECT_THAT(never->Encode("a b"), ElementsAre(3, 5));
  EXPECT_EQ(never->Decode({5, 3}), " ba");
  // Bad bytes start no word of their own.
  EXPECT_THAT(always->Encode("a\xFF"
                             "b"),
              ElementsAre(2, 0, 4));
}

TEST(Decoders, NoneJoinsWithSpaces) {
  TokenizerSpec spec = Unigram({{"a", -1}, {"b", -1}});
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, TextTokenizer::Create(spec));
  EXPECT_EQ(tokenizer->Decode({1, 2, 1}), "a b a");
}

TEST(Decoders, StepsThatNeedTheWholeTextAreRefused) {
  const auto refused = [](std::vector<DecoderStep> steps, absl::StatusCode code, const char* why) {
    TokenizerSpec spec = Unigram({{"a", -1}});
    spec.decoders = std::move(steps);
    EXPECT_THAT(TextTokenizer::Create(spec), StatusIs(code, HasSubstr(why)));
  };
  const auto unimplemented = absl::StatusCode::kUnimplemented;
  refused({DecodeFuse(), DecodeStrip{" ", 2, 0}}, unimplemented, "decoder: [1]: Strip after Fuse");
  refused({DecodeFuse(), ReplaceText{"ab", true, "x"}}, unimplemented, "[1]: Replace after Fuse");
  refused({DecodeFuse(), DecodeByteFallback()}, unimplemented, "[1]: ByteFallback after Fuse");
  refused({ReplaceText{"(", false, ""}}, absl::StatusCode::kInvalidArgument, "[0]: pattern");
  refused({DecodeStrip{"", 1, 0}}, absl::StatusCode::kInvalidArgument, "content: is empty");
}

// BPE with marks of continuation and of ends of words.
// A stream gives a word's space at once; the whole text has none after its last word.
TEST(Decoders, WordSuffixesAreSpacesButTheLast) {
  TokenizerSpec spec = TextSpec(WordLevelSpec(), {"hey</w>", "you</w>", "a"});
  spec.decoders = {DecodeWordSuffix()};
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, TextTokenizer::Create(spec));
  EXPECT_EQ(tokenizer->Decode({0, 1}), "hey you");
  EXPECT_EQ(tokenizer->Decode({0, 2}), "hey a");
  EXPECT_EQ(tokenizer->Decode({}), "");
  inference::StreamDecoder stream(tokenizer.get());
  EXPECT_EQ(stream.Push(0) + stream.Push(1) + stream.Flush(), "hey you ");
  spec.decoders = {DecodeWordSuffix{""}};
  EXPECT_THAT(TextTokenizer::Create(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                                    HasSubstr("decoder: [0]: suffix: is empty")));
}

TEST(WordLevel, FaultsAreNamed) {
  TokenizerSpec spec = TextSpec(WordLevelSpec(), {"a", "a"});
  EXPECT_THAT(TextTokenizer::Create(spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ids 0 and 1 are both 'a'")));
  spec.tokens[1].bytes = "b";
  spec.byte_level = true;
  EXPECT_THAT(TextTokenizer::Create(spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cannot be byte-level")));
}

TEST(Bpe, MarksInsideWords) {
  TokenizerSpec spec = TextSpec(BpeSpec(), {"a", "##b", "##c</w>", "a</w>", "ab", "abc</w>"});
  BpeSpec& bpe = std::get<BpeSpec>(spec.model);
  bpe.continuing_prefix = "##";
  bpe.word_suffix = "</w>";
  bpe.merges = {{0, 1}, {4, 2}};
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::kWhitespaceSplit;
  spec.pre_tokenizer = {step};
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, TextTokenizer::Create(spec));
  EXPECT_THAT(tokenizer->Encode("abc a abb"), ElementsAre(5, 3, 4));
}

}  // namespace
}  // namespace strata::llm
