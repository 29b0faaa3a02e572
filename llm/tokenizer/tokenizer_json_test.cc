#include "llm/tokenizer/tokenizer_json.h"

#include <random>

#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "llm/tokenizer/bpe_trainer.h"

namespace strata::llm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kFile[] = R"({
  "version": "1.0",
  "truncation": null,
  "added_tokens": [
    {"id": 5, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
     "special": true},
    {"id": 8, "content": "</s>", "special": true},
    {"id": 9, "content": "a word", "special": false}
  ],
  "normalizer": NORMALIZER,
  "pre_tokenizer": PRE_TOKENIZER,
  "post_processor": POST_PROCESSOR,
  "decoder": DECODER,
  "model": {
    "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "", "end_of_word_suffix": "",
    "fuse_unk": false, "byte_fallback": false, MODEL
    "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4, "<s>": 5, "ł": 6},
    "merges": MERGES
  }
})";

using Replacements = std::vector<std::pair<std::string, std::string>>;

// The file above with some of its parts replaced.
std::string File(const Replacements& changes = {}) {
  std::string text = absl::StrReplaceAll(kFile, changes);
  return absl::StrReplaceAll(
      text, {{"NORMALIZER", "null"},
             {"PRE_TOKENIZER", R"({"type": "ByteLevel", "add_prefix_space": false})"},
             {"POST_PROCESSOR", "null"},
             {"DECODER", R"({"type": "ByteLevel"})"},
             {"MODEL", ""},
             {"MERGES", R"([["a", "b"], ["Ġ", "ab"]])"}});
}

absl::StatusOr<std::unique_ptr<TextTokenizer>> Parse(const std::string& text) {
  STRATA_ASSIGN_OR_RETURN(TokenizerSpec spec, ParseTokenizerJson(text));
  return TextTokenizer::Create(std::move(spec));
}

absl::StatusOr<std::unique_ptr<TextTokenizer>> ParseWith(const Replacements& changes) {
  return Parse(File(changes));
}

TEST(TokenizerJson, ReadsBothWaysToWriteMerges) {
  for (const char* merges :
       {R"([["a", "b"], ["Ġ", "ab"]])", R"(["a b", "Ġ ab"])", R"(["a b", ["Ġ", "ab"]])"}) {
    STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, ParseWith({{"MERGES", merges}}));
    EXPECT_THAT(tokenizer->Encode("ab ab<s>"), ElementsAre(3, 4, 5));
    EXPECT_EQ(tokenizer->Decode({3, 4, 8}), "ab ab</s>");
    EXPECT_EQ(tokenizer->vocab_size(), 10);  // id 7 is a hole
    EXPECT_EQ(tokenizer->TokenBytes(7), "");
    EXPECT_EQ(tokenizer->TokenBytes(6), "\xA0");  // the letter for the byte
    EXPECT_EQ(tokenizer->eos(), 8);
    EXPECT_TRUE(tokenizer->IsSpecial(5));
    EXPECT_FALSE(tokenizer->IsSpecial(9));
    EXPECT_THAT(tokenizer->EncodeOrdinary("a word<s>b"), ElementsAre(9, 1));
  }
}

TEST(TokenizerJson, PartsOfThePipeline) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const TokenizerSpec spec,
      ParseTokenizerJson(
          File({{"NORMALIZER",
                 R"({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "NFKD"}]})"},
                {"PRE_TOKENIZER", R"({"type": "Sequence", "pretokenizers": [
              {"type": "Split", "pattern": {"Regex": "\\p{N}"}, "behavior": "MergedWithNext", "invert": true},
              {"type": "Split", "pattern": {"String": "."}, "behavior": "Removed", "invert": false},
              {"type": "Digits", "individual_digits": true}, {"type": "Punctuation"}, {"type": "Whitespace"},
              {"type": "WhitespaceSplit"}, {"type": "ByteLevel", "add_prefix_space": true, "use_regex": false}]})"},
                {"POST_PROCESSOR", R"({"type": "Sequence", "processors": [{"type": "ByteLevel"},
              {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
              {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}]}]})"},
                {"MODEL", R"("ignore_merges": true,)"}})));
  ASSERT_EQ(spec.normalizers.size(), 2u);
  EXPECT_EQ(std::get<UnicodeForm>(spec.normalizers[0]), UnicodeForm::kNfc);
  EXPECT_EQ(std::get<UnicodeForm>(spec.normalizers[1]), UnicodeForm::kNfkd);
  ASSERT_EQ(spec.pre_tokenizer.size(), 7u);
  EXPECT_EQ(spec.pre_tokenizer[0].pattern, "\\p{N}");
  EXPECT_EQ(spec.pre_tokenizer[0].behavior, SplitBehavior::kMergedWithNext);
  EXPECT_TRUE(spec.pre_tokenizer[0].invert);
  EXPECT_TRUE(spec.pre_tokenizer[1].literal);
  EXPECT_TRUE(spec.pre_tokenizer[2].individual_digits);
  EXPECT_TRUE(spec.pre_tokenizer[6].add_prefix_space);
  EXPECT_FALSE(spec.pre_tokenizer[6].use_regex);
  EXPECT_THAT(spec.prefix, ElementsAre(5));
  EXPECT_THAT(spec.suffix, ElementsAre(8));
  EXPECT_TRUE(std::get<BpeSpec>(spec.model).ignore_merges);
}

TEST(TokenizerJson, BosComesFromTheTemplate) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      auto tokenizer,
      ParseWith({{"POST_PROCESSOR",
                  R"({"type": "RobertaProcessing", "cls": ["<s>", 5], "sep": ["</s>", 8]})"}}));
  EXPECT_EQ(tokenizer->bos(), 5);
  EXPECT_THAT(tokenizer->spec().suffix, ElementsAre(8));
}

TEST(TokenizerJson, PrintsWhatItParses) {
  const std::string files[] = {
      File(), File({{"NORMALIZER", R"({"type": "NFC"})"}, {"MODEL", R"("ignore_merges": true,)"}}),
      File({{"PRE_TOKENIZER", R"({"type": "Sequence", "pretokenizers": [
               {"type": "Split", "pattern": {"Regex": "\\s\"x\""}, "behavior": "Contiguous"},
               {"type": "ByteLevel", "add_prefix_space": true}]})"},
            {"POST_PROCESSOR",
             R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}},
               {"Sequence": {"id": "A"}}]})"}})};
  for (const std::string& file : files) {
    STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec spec, ParseTokenizerJson(file));
    const std::string printed = PrintTokenizerJson(spec);
    STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec again, ParseTokenizerJson(printed));
    EXPECT_EQ(PrintTokenizerJson(again), printed);
    EXPECT_EQ(std::get<BpeSpec>(again.model).merges, std::get<BpeSpec>(spec.model).merges);
    EXPECT_EQ(again.prefix, spec.prefix);
    EXPECT_EQ(again.tokens.size(), spec.tokens.size());
    for (size_t i = 0; i < spec.tokens.size(); ++i)
      EXPECT_EQ(again.tokens[i].bytes, spec.tokens[i].bytes) << i;
    EXPECT_EQ(again.added.size(), spec.added.size());
    EXPECT_EQ(again.pre_tokenizer.size(), spec.pre_tokenizer.size());
  }
}

TEST(TokenizerJson, TrainedTokenizerComesBackFromItsFile) {
  const std::string text =
      "int main() { return 0; }\n  caf\u00E9 \u4E2D\u6587 caf\u00E9 \u4E2D\u6587 main() return\n";
  STRATA_ASSERT_OK_AND_ASSIGN(auto trained, TrainTokenizer(text, {.vocab_size = 280}));
  const std::string folder = JoinPath(::testing::TempDir(), "tokenizer_json_test");
  ASSERT_OK(MakeDirectories(folder));
  const std::string path = JoinPath(folder, "tokenizer.json");
  ASSERT_OK(SaveTokenizer(*trained, path));
  for (const std::string& from : {path, folder}) {
    STRATA_ASSERT_OK_AND_ASSIGN(auto loaded, LoadTokenizer(from));
    EXPECT_EQ(loaded->vocab_size(), trained->vocab_size());
    EXPECT_EQ(loaded->eos(), trained->eos());
    for (int id = 0; id < trained->vocab_size(); ++id)
      EXPECT_EQ(loaded->TokenBytes(id), trained->TokenBytes(id));
    EXPECT_EQ(loaded->Encode(text + "<|endoftext|>"), trained->Encode(text + "<|endoftext|>"));
    EXPECT_EQ(loaded->EncodeOrdinary("<|endoftext|>"), trained->EncodeOrdinary("<|endoftext|>"));
  }
}

TEST(TokenizerJson, EosFromTheConfigBeside) {
  const std::string folder = JoinPath(::testing::TempDir(), "tokenizer_json_test_eos");
  ASSERT_OK(MakeDirectories(folder));
  ASSERT_OK(WriteFileAtomic(JoinPath(folder, "tokenizer.json"), File()));
  const std::string config = JoinPath(folder, "tokenizer_config.json");
  for (const char* text :
       {R"({"eos_token": "<s>"})", R"({"eos_token": {"content": "<s>", "lstrip": false}})"}) {
    ASSERT_OK(WriteFileAtomic(config, text));
    STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer, LoadTokenizer(folder));
    EXPECT_EQ(tokenizer->eos(), 5);
  }
  ASSERT_OK(WriteFileAtomic(config, R"({"eos_token": "<nil>"})"));
  EXPECT_THAT(LoadTokenizer(folder),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("tokenizer_config.json: eos_token: '<nil>' is not in")));
}

TEST(TokenizerJson, MissingFile) {
  EXPECT_THAT(LoadTokenizer("no/such/tokenizer.json"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no/such/tokenizer.json")));
}

TEST(TokenizerJson, MalformedFilesNameTheirFault) {
  const auto expect = [](const std::string& file, const std::string& message) {
    EXPECT_THAT(Parse(file), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  expect("", "no JSON");
  expect("[]", "document: expected an object, is array");
  expect("{}", "model: is missing or null");
  expect(R"({"model": {"vocab": {}, "vocab": {}}})", "key 'vocab' is there twice");
  expect(File({{"\"a\": 0", "\"a\": 0, \"a\": 1"}}), "key 'a' is there twice");
  expect(File({{"\"a\": 0", "\"a\": 1"}}),
         "model.vocab['b']: id 1 is already that of another token");
  expect(File({{"\"a\": 0", "\"a\": -1"}}), "model.vocab['a']: id -1 is outside");
  expect(File({{"\"a\": 0", "\"a\": 1.5"}}), "model.vocab['a']: expected an integer, is number");
  expect(File({{"\"a\": 0", "\"a\": \"0\""}}), "model.vocab['a']: expected an integer, is string");
  expect(File({{"\"a\": 0", "\"a\": 16000000"}}), "id 16000000 is far beyond the 7 tokens");
  expect(File({{"\"a\": 0", "\"a\": 99999999999999999999"}}), "model.vocab['a']");
  expect(File({{"\"a\": 0", "\"\": 0"}}), "a token cannot be empty");
  expect(File({{"\"vocab\"", "\"vocabulary\""}}), "model.vocab: expected an object");
  expect(File({{"MERGES", "null"}}), "model.merges: is missing or null; expected an array");
  expect(File({{"MERGES", "{}"}}), "model.merges: expected an array, is object");
  expect(File({{"MERGES", R"(["a b", 7])"}}), "model.merges[1]: expected a pair");
  expect(File({{"MERGES", R"(["ab"])"}}), "model.merges[0]: 'ab' is not two tokens");
  expect(File({{"MERGES", R"(["a b c"])"}}), "model.merges[0]: 'a b c' is not two tokens");
  expect(File({{"MERGES", R"([["a"]])"}}), "model.merges[0]: expected a pair");
  expect(File({{"MERGES", R"([["a", 1]])"}}), "model.merges[0][1]: expected a string, is number");
  expect(File({{"MERGES", R"(["a z"])"}}), "model.merges[0]: token 'z' is not in model.vocab");
  expect(File({{"MERGES", R"(["b a"])"}}), "model: merges[0]: its result 'ba' is not in");
  expect(File({{"MERGES", R"(["a b", "a b"])"}}), "merges[1]: the same as merges[0]");
  expect(File({{"\"unk_token\": null", "\"unk_token\": \"?\""}}),
         "model.unk_token: '?' is not in model.vocab");
  expect(File({{"MODEL", "\"ignore_merges\": 1,"}}), "model.ignore_merges: expected a boolean");
  expect(File({{"\"id\": 8", "\"id\": 5"}}), "added_tokens[1].id: 5 is already");
  expect(File({{"\"id\": 8", "\"id\": 3"}}), "added_tokens[1]: id: 3 of '</s>' is another token's");
  expect(File({{"\"id\": 5", "\"id\": 7"}}),
         "added_tokens[0]: id: 7, but '<s>' is 5 in model.vocab");
  expect(File({{"\"id\": 8, ", ""}}), "added_tokens[1].id: is missing");
  expect(File({{"\"</s>\"", "\"\""}}), "added_tokens[1]: content: is empty");
  expect(File({{"\"a word\"", "\"</s>\""}}),
         "added_tokens[2].content: '</s>' is already added_tokens[1]");
  expect(File({{"PRE_TOKENIZER", "7"}}), "pre_tokenizer: expected an object, is number");
  expect(File({{"PRE_TOKENIZER", R"({"type": "Split", "pattern": {}})"}}),
         "pre_tokenizer.pattern: expected either");
  expect(File({{"PRE_TOKENIZER",
                R"({"type": "Split", "pattern": {"String": "x"}, "behavior": "Odd"})"}}),
         "pre_tokenizer.behavior: 'Odd' is none of");
  expect(File({{"PRE_TOKENIZER", R"({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": "(a"}}, {"type": "ByteLevel"}]})"}}),
         "pre_tokenizer: [0].pattern: malformed regular expression");
  expect(File({{"PRE_TOKENIZER", R"({"type": "Sequence"})"}}),
         "pre_tokenizer.pretokenizers: is missing");
  expect(File({{"POST_PROCESSOR",
                R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}]})"}}),
         "post_processor.single[0].SpecialToken.id: 'x' is not in added_tokens");
  expect(File({{"POST_PROCESSOR",
                R"({"type": "BertProcessing", "cls": ["x", 99], "sep": ["y", 1]})"}}),
         "post_processor.cls: id 99");
}

TEST(TokenizerJson, UnsupportedPartsNameTheirPlace) {
  const auto expect = [](const Replacements& changes, const std::string& message) {
    EXPECT_THAT(ParseWith(changes), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(message)));
  };
  expect({{"\"BPE\"", "\"Character\""}}, "model.type: 'Character' is not supported");
  expect({{"\"BPE\"", "\"WordLevel\""}},
         "model.type: 'WordLevel' behind a pre-tokenizer ByteLevel");
  expect({{"\"BPE\"", "\"Unigram\""}}, "model.type: 'Unigram' behind a pre-tokenizer ByteLevel");
  expect({{"\"dropout\": null", "\"dropout\": 0.1"}}, "model.dropout");
  expect({{"NORMALIZER",
           R"({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Odd"}]})"}},
         "normalizer.normalizers[1].type: 'Odd'");
  expect({{"PRE_TOKENIZER", R"({"type": "UnicodeScripts"})"}},
         "pre_tokenizer.type: 'UnicodeScripts'");
  expect(
      {{"PRE_TOKENIZER",
        R"({"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}, {"type": "Digits"}]})"}},
      "pre_tokenizer.pretokenizers[1]: a step after ByteLevel");
  expect({{"POST_PROCESSOR", R"({"type": "Unheard"})"}}, "post_processor.type: 'Unheard'");
  expect({{"DECODER", R"({"type": "WordPiece"})"}}, "decoder.type: 'WordPiece'");
  expect({{"PRE_TOKENIZER", "null"}, {"DECODER", R"({"type": "CTC"})"}}, "decoder.type: 'CTC'");
  expect(
      {{"PRE_TOKENIZER", "null"}, {"DECODER", R"({"type": "Sequence", "decoders": [{"type": "Fuse"},
             {"type": "Strip", "content": " ", "start": 0, "stop": 1}]})"}},
      "decoder: [1]: Strip after Fuse");
  for (const char* type : {"BPEDecoder", "ByteLevel"}) {
    expect({{"PRE_TOKENIZER", "null"},
            {"DECODER",
             absl::StrCat(R"({"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": ")", type,
                          "\"}]}")}},
           absl::StrCat("decoder: [1]: ", type, " after Fuse"));
  }
}

TEST(TokenizerJson, EveryPartKeepsItsFields) {
  const std::string file = File(
      {{"NORMALIZER", R"({"type": "Sequence", "normalizers": [{"type": "Lowercase"},
          {"type": "StripAccents"}, {"type": "Strip", "strip_left": false, "strip_right": true},
          {"type": "Precompiled", "precompiled_charsmap": "BAAAAAAAAAA="},
          {"type": "BertNormalizer", "strip_accents": true, "lowercase": false}]})"},
       {"PRE_TOKENIZER", R"({"type": "Sequence", "pretokenizers": [{"type": "BertPreTokenizer"},
          {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "split": false}]})"},
       {"DECODER",
        R"({"type": "Sequence", "decoders": [{"type": "Strip", "content": "x", "start": 2, "stop": 1},
          {"type": "WordPiece", "prefix": "@", "cleanup": false}]})"}});
  STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec spec, ParseTokenizerJson(file));
  EXPECT_EQ(spec.normalizers.size(), 5u);
  EXPECT_EQ(std::get<CharacterMap>(spec.normalizers[3]).bytes.size(), 8u);
  EXPECT_EQ(std::get<BertNormalization>(spec.normalizers[4]).strip_accents, true);
  EXPECT_EQ(spec.pre_tokenizer[1].prepend_scheme, PrependScheme::kFirst);
  EXPECT_FALSE(spec.byte_level);
  STRATA_ASSERT_OK_AND_ASSIGN(const TokenizerSpec again,
                              ParseTokenizerJson(PrintTokenizerJson(spec)));
  EXPECT_EQ(PrintTokenizerJson(again), PrintTokenizerJson(spec));
}

TEST(TokenizerJson, TruncatedAndDamagedFilesNeverCrash) {
  const std::string file = File();
  for (size_t size = 0; size < file.size() - 1; ++size) {
    EXPECT_THAT(Parse(file.substr(0, size)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no JSON")));
  }
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = file;
    for (uint32_t n = 1 + random() % 3; n > 0; --n) {
      static constexpr char kNoise[] = "{}[]\",:0-9tfn\\u\x80\xFF";
      damaged[random() % damaged.size()] = kNoise[random() % (sizeof(kNoise) - 1)];
    }
    const absl::Status status = Parse(damaged).status();
    EXPECT_TRUE(status.ok() || !status.message().empty());
  }
  const std::string deep(100000, '[');
  EXPECT_THAT(Parse(deep), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no JSON")));
}

}  // namespace
}  // namespace strata::llm
