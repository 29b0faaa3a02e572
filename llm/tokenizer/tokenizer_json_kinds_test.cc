// Files of other kinds than byte-level BPE: SentencePiece's BPE, Unigram, WordPiece, WordLevel, suffixes of words, bytes as
// letters before the cut.
#include <random>

#include "absl/strings/str_replace.h"
#include "base/spoil.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "llm/tokenizer/tokenizer_json.h"

namespace strata::llm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<std::unique_ptr<TextTokenizer>> Parse(const std::string& text) {
  STRATA_ASSIGN_OR_RETURN(TokenizerSpec spec, ParseTokenizerJson(text));
  return TextTokenizer::Create(std::move(spec));
}

constexpr char kLlamaFile[] = R"({
  "added_tokens": [{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true}],
  "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
  "pre_tokenizer": null,
  "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
    {"Sequence": {"id": "A", "type_id": 0}}]},
  "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
    {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
  "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
    "vocab": {"<unk>": 0, "<s>": 1, "<0x0A>": 2, "▁": 3, "a": 4, "b": 5, "▁a": 6, "ab": 7},
    "merges": [["▁", "a"], ["a", "b"]]}
})";

constexpr char kT5File[] = R"({
  "added_tokens": [{"id": 0, "content": "</s>", "special": true}],
  "normalizer": {"type": "Sequence", "normalizers": [{"type": "Nmt"}, {"type": "NFKC"},
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"},
    {"type": "Metaspace", "replacement": "▁", "add_prefix_space": true}]},
  "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}},
    {"SpecialToken": {"id": "</s>", "type_id": 0}}]},
  "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
  "model": {"type": "Unigram", "unk_id": 1, "byte_fallback": false,
    "vocab": [["</s>", 0.0], ["<unk>", 0.0], ["▁", -4.5], ["▁a", -2], ["b", -3], ["ab", -2.5]]}
})";

constexpr char kBertFile[] = R"({
  "added_tokens": [{"id": 0, "content": "[UNK]", "special": true}, {"id": 1, "content": "[CLS]", "special": true},
    {"id": 2, "content": "[SEP]", "special": true}],
  "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
    "lowercase": true},
  "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
  "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "play": 3, "##ing": 4, "!": 5}}
})";

constexpr char kWordsFile[] = R"({
  "added_tokens": [{"id": 0, "content": "[UNK]", "special": true}, {"id": 3, "content": "[EOS]", "special": true}],
  "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
  "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "My": 1, "name": 2, "[EOS]": 3, ",": 4},
    "unk_token": "[UNK]"}
})";

constexpr char kSuffixFile[] = R"({
  "added_tokens": [{"id": 7, "content": "<|end|>", "special": true}],
  "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null,
  "decoder": {"type": "BPEDecoder", "suffix": "</w>"},
  "model": {"type": "BPE", "unk_token": null, "end_of_word_suffix": "</w>",
    "vocab": {"h": 0, "e": 1, "y": 2, "y</w>": 3, "e</w>": 4, "he": 5, "hey</w>": 6},
    "merges": [["h", "e"], ["he", "y</w>"]]}
})";

constexpr char kLettersFile[] = R"({
  "added_tokens": [],
  "normalizer": {"type": "ByteLevel"},
  "pre_tokenizer": {"type": "Split", "pattern": {"String": "Ġ"}, "behavior": "MergedWithNext", "invert": false},
  "post_processor": null, "decoder": {"type": "ByteLevel"},
  "model": {"type": "BPE", "unk_token": null,
    "vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġab": 4, "æ": 5, "Ī": 6, "ĳ": 7, "€!": 8},
    "merges": [["a", "b"], ["Ġ", "ab"]]}
})";

TEST(TokenizerJsonKinds, ReadsSentencePieceBpe) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, Parse(kLlamaFile));
  EXPECT_THAT(tokenizer->Encode("ab a\nb"), ElementsAre(6, 5, 6, 2, 5));
  EXPECT_EQ(tokenizer->Decode({6, 5, 6, 2, 5}), "ab a\nb");
  EXPECT_THAT(tokenizer->EncodeOrdinary("<s>"), ElementsAre(3, 0));
  EXPECT_EQ(tokenizer->bos(), 1);
}

TEST(TokenizerJsonKinds, ReadsUnigram) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, Parse(kT5File));
  EXPECT_THAT(tokenizer->Encode("ab  \uFF41</s>"), ElementsAre(3, 4, 3, 0));
  EXPECT_THAT(tokenizer->Encode("zz"), ElementsAre(2, 1));
  EXPECT_THAT(tokenizer->spec().suffix, ElementsAre(0));
  EXPECT_EQ(tokenizer->Decode({3, 4, 3}), "ab a");
}

TEST(TokenizerJsonKinds, ReadsWordPiece) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, Parse(kBertFile));
  EXPECT_THAT(tokenizer->Encode("Pl\u00E1ying! x"), ElementsAre(3, 4, 5, 0));
  EXPECT_EQ(tokenizer->Decode({3, 4, 5}), "playing!");
  EXPECT_THAT(tokenizer->spec().prefix, ElementsAre(1));
}

TEST(TokenizerJsonKinds, ReadsWordLevel) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, Parse(kWordsFile));
  EXPECT_THAT(tokenizer->Encode("My name, my [EOS]name"), ElementsAre(1, 2, 4, 0, 3, 2));
  EXPECT_EQ(tokenizer->Decode({1, 2, 4}), "My name ,");
  // Without a token of that name what is unknown is dropped.
  STRATA_ASSERT_OK_AND_ASSIGN(
      tokenizer, Parse(absl::StrReplaceAll(
                     kWordsFile, {{"\"unk_token\": \"[UNK]\"", "\"unk_token\": \"<unk>\""}})));
  EXPECT_THAT(tokenizer->Encode("My own name"), ElementsAre(1, 2));
}

// That nothing is unknown stays so in a vocabulary that has the usual name of the unknown token.
TEST(TokenizerJsonKinds, PrintsWordLevelWithoutAnUnknownToken) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const TokenizerSpec spec,
      ParseTokenizerJson(
          absl::StrReplaceAll(kWordsFile, {{"\"unk_token\": \"[UNK]\"", "\"unk_token\": \"none\""},
                                           {"\",\": 4", "\"<unk>\": 4"}})));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto tokenizer, Parse(PrintTokenizerJson(spec)));
  EXPECT_THAT(tokenizer->Encode("My own name"), ElementsAre(1, 2));
}

// "hey" is h e y</w>: he, then hey</w>; "he" is h e</w>, which is no merge.
TEST(TokenizerJsonKinds, ReadsSuffixesOfWords) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, Parse(kSuffixFile));
  EXPECT_THAT(tokenizer->Encode("hey he yhey"), ElementsAre(6, 0, 4, 2, 6));
  EXPECT_EQ(tokenizer->Decode({6, 0, 4}), "hey he");
  EXPECT_EQ(tokenizer->Decode({6}), "hey");
  EXPECT_EQ(tokenizer->Decode({6, 7}), "hey <|end|>");
  EXPECT_EQ(tokenizer->Decode({5, 2}), "hey");
  EXPECT_EQ(tokenizer->TokenBytes(6), "hey ");
  EXPECT_EQ(tokenizer->FirstTokenBytes(6), "hey ");
}

// Letters of bytes before the text is cut: at the letter of the space.
TEST(TokenizerJsonKinds, ReadsBytesAsANormalizer) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, Parse(kLettersFile));
  EXPECT_THAT(tokenizer->Encode("ab ab\u6211"), ElementsAre(2, 4, 5, 6, 7));
  EXPECT_EQ(tokenizer->Decode({2, 4, 5, 6, 7}), "ab ab\u6211");
  EXPECT_EQ(tokenizer->TokenBytes(5), "\xE6");
  EXPECT_EQ(tokenizer->Decode({4, 8}), " ab\u20AC!");  // no letter: as it stands
}

TEST(TokenizerJsonKinds, PrintsEveryKind) {
  for (const char* file : {kLlamaFile, kT5File, kBertFile, kWordsFile, kSuffixFile, kLettersFile}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec spec, ParseTokenizerJson(file));
    const std::string printed = PrintTokenizerJson(spec);
    STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec again, ParseTokenizerJson(printed));
    EXPECT_EQ(PrintTokenizerJson(again), printed);
    STRATA_ASSERT_OK_AND_ASSIGN(auto first, TextTokenizer::Create(spec));
    STRATA_ASSERT_OK_AND_ASSIGN(auto second, TextTokenizer::Create(again));
    for (const char* text : {"ab a", "Playing!  b", "\u00E9 <s>[SEP]</s>", "My name hey \u6211"}) {
      EXPECT_EQ(first->Encode(text), second->Encode(text));
      EXPECT_EQ(first->Decode(first->Encode(text)), second->Decode(second->Encode(text)));
    }
  }
}

TEST(TokenizerJsonKinds, FaultsOfOtherKindsNameTheirPlace) {
  const auto expect = [](const char* file, const std::string& from, const std::string& to,
                         const std::string& message) {
    EXPECT_THAT(Parse(absl::StrReplaceAll(file, {{from, to}})),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << to;
  };
  expect(kT5File, "\"unk_id\": 1", "\"unk_id\": 6", "model.unk_id: 6 is outside");
  expect(kT5File, "[\"b\", -3]", "[\"b\"]", "model.vocab[4]: expected a token and its score");
  expect(kT5File, "[\"b\", -3]", "[\"b\", \"c\"]", "model.vocab[4][1]: expected a number");
  expect(kT5File, "[\"b\", -3]", "[\"ab\", -3]", "model: vocab: ids 4 and 5 are both 'ab'");
  expect(kT5File, "\"always\"", "\"often\"", "decoder.prepend_scheme: 'often' is none of");

  expect(kBertFile, "100,", "-1,", "model.max_input_chars_per_word: id -1 is outside");
  expect(kLlamaFile, "\"prepend\": \"▁\"", "\"prepend\": 7", "normalizer.normalizers[0].prepend");
  expect(kLlamaFile, "{\"type\": \"Prepend\", \"prepend\": \"▁\"}",
         "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"*\"}",
         "normalizers[0].precompiled_charsmap: is no base 64");
}

TEST(TokenizerJsonKinds, SpoiltFilesOfEveryKindNeverCrash) {
  std::mt19937_64 random(4);
  for (const char* file : {kLlamaFile, kT5File, kBertFile, kWordsFile, kSuffixFile, kLettersFile}) {
    for (int round = 0; round < 400; ++round) {
      const absl::StatusOr<std::unique_ptr<TextTokenizer>> tokenizer = Parse(Spoil(file, random));
      if (!tokenizer.ok()) {
        EXPECT_FALSE(tokenizer.status().message().empty());
        continue;
      }
      std::string text;
      for (int n = 0; n < 40; ++n)
        text += static_cast<char>(random() % 2 ? "ab <s\n"[n % 6] : random());
      for (int32_t id : (*tokenizer)->Encode(text)) EXPECT_LT(id, (*tokenizer)->vocab_size());
      (*tokenizer)->Decode((*tokenizer)->EncodeOrdinary(text));
    }
  }
}

}  // namespace
}  // namespace strata::llm
