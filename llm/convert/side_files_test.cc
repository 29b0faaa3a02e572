#include "llm/convert/side_files.h"

#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/allocated_bytes.h"
#include "base/file.h"
#include "base/spoil.h"
#include "base/status_matchers.h"
#include "inference/import/gguf.h"
#include "llm/convert/convert.h"
#include "llm/convert/tiny_folder.h"
#include "llm/convert/tiny_tokenizer.h"
#include "llm/model/config.h"
#include "llm/model/hf_config.h"
#include "llm/model/tiny_models.h"
#include "llm/tokenizer/tokenizer_json.h"

namespace strata::llm {
namespace {

using inference::GgufMetadata;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kTemplate[] = "{% for m in messages %}{{ m.content }}{% endfor %}";

class SideFilesTest : public ::testing::Test {
 protected:
  SideFilesTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    Write("tokenizer.json", TinyTokenizerJson());
    Write("tokenizer_config.json",
          absl::StrCat(R"({"bos_token": {"content": "<|begin|>"}, "eos_token": "<|end|>", )",
                       R"("chat_template": ")", kTemplate, "\"}"));
    Write("generation_config.json", R"({"eos_token_id": [261, 3], "temperature": 0.6})");
  }
  void Write(const std::string& file, const std::string& text) {
    EXPECT_OK(WriteFileAtomic(JoinPath(folder_, file), text));
  }
  const std::string folder_ = JoinPath(::testing::TempDir(), "side_files");
};

TEST_F(SideFilesTest, TokenizerBecomesMetadata) {
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufMetadata metadata, MetadataOfFolder(folder_, 264));
  const auto text = [&](const char* key) { return *GetText(metadata, key); };
  EXPECT_EQ(text("tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(text("tokenizer.ggml.pre"), "gpt-2");
  const std::vector<std::string> tokens = *GetTexts(metadata, "tokenizer.ggml.tokens");
  ASSERT_EQ(tokens.size(), 264u);
  EXPECT_EQ(tokens[0], "\xc4\x80");
  EXPECT_EQ(tokens[258], "\xc4\xa0the");
  EXPECT_EQ(tokens[261], "<|end|>");
  EXPECT_EQ(tokens[263], "[PAD263]");
  const std::vector<int64_t> types = *GetIntegers(metadata, "tokenizer.ggml.token_type");
  EXPECT_THAT(std::vector<int64_t>(types.begin() + 258, types.end()),
              ElementsAre(1, 1, 3, 3, 5, 5));
  EXPECT_THAT(*GetTexts(metadata, "tokenizer.ggml.merges"),
              ElementsAre("t h", "th e", "\xc4\xa0 the", "a n"));
  EXPECT_EQ(*GetInteger(metadata, "tokenizer.ggml.bos_token_id"), 260);
  EXPECT_EQ(*GetInteger(metadata, "tokenizer.ggml.eos_token_id"), 261);
  EXPECT_EQ(*GetInteger(metadata, "tokenizer.ggml.eot_token_id"), 3);
  EXPECT_TRUE(*GetBool(metadata, "tokenizer.ggml.add_bos_token"));
  EXPECT_FALSE(*GetBool(metadata, "tokenizer.ggml.add_eos_token"));
  EXPECT_EQ(text("tokenizer.chat_template"), kTemplate);
  EXPECT_EQ(text("tokenizer.huggingface.json"), TinyTokenizerJson());
}

TEST_F(SideFilesTest, SentencePieceTokensHaveScoresOfTheirMerges) {
  Write("tokenizer.json",
        R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
              {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
            "added_tokens": [{"id": 0, "content": "<unk>", "special": true},
                             {"id": 1, "content": "<s>", "special": true}],
            "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true,
                      "vocab": {"<unk>": 0, "<s>": 1, "<0x0A>": 2, "a": 3, "b": 4, "ab": 5, "aba": 6},
                      "merges": [["a", "b"], "ab a"]}})");
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufMetadata metadata, MetadataOfFolder(folder_, 7));
  EXPECT_EQ(*GetText(metadata, "tokenizer.ggml.model"), "llama");
  EXPECT_TRUE(*GetBool(metadata, "tokenizer.ggml.add_space_prefix"));
  EXPECT_THAT(*GetIntegers(metadata, "tokenizer.ggml.token_type"),
              ElementsAre(2, 3, 6, 1, 1, 1, 1));
  EXPECT_THAT(*GetNumbers(metadata, "tokenizer.ggml.scores"),
              ElementsAre(-2, -2, -2, -2, -2, 0, -1));
}

TEST_F(SideFilesTest, UnigramKeepsItsScores) {
  Write("tokenizer.json", R"({"model": {"type": "Unigram", "unk_id": 0,
                              "vocab": [["<unk>", 0], ["a", -1.5], ["b", -2]]}})");
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufMetadata metadata, MetadataOfFolder(folder_, 3));
  EXPECT_EQ(*GetText(metadata, "tokenizer.ggml.model"), "t5");
  EXPECT_THAT(*GetNumbers(metadata, "tokenizer.ggml.scores"), ElementsAre(0, -1.5, -2));
  EXPECT_THAT(*GetIntegers(metadata, "tokenizer.ggml.token_type"), ElementsAre(2, 1, 1));
}

TEST_F(SideFilesTest, EndOfTextGoesByItsNameWhereNoFileSaysIt) {
  for (const char* file : {"tokenizer_config.json", "generation_config.json"})
    std::filesystem::remove(JoinPath(folder_, file));
  Write("tokenizer.json", R"({"added_tokens": [{"id": 3, "content": "<eos>", "special": true},
                                               {"id": 4, "content": "<|endoftext|>", "special": true}],
                              "model": {"type": "Unigram", "unk_id": 0,
                              "vocab": [["<unk>", 0], ["a", -1], ["</s>", -2],
                                        ["<eos>", -3], ["<|endoftext|>", -4]]}})");
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufMetadata metadata, MetadataOfFolder(folder_, 5));
  EXPECT_EQ(*GetInteger(metadata, "tokenizer.ggml.eos_token_id"), 4);
}

TEST_F(SideFilesTest, FaultsNameTheFileAndThePlace) {
  const auto with = [&](const std::string& json) {
    Write("tokenizer.json", json);
    return MetadataOfFolder(folder_, 4).status();
  };
  const auto bad = [](const char* message) {
    return StatusIs(absl::StatusCode::kInvalidArgument,
                    ::testing::AllOf(HasSubstr("tokenizer.json: "), HasSubstr(message)));
  };
  EXPECT_THAT(with("["), bad("no JSON"));
  EXPECT_THAT(with(R"({"model": {"type": "BPE", "vocab": {"a": 4}, "merges": []}})"),
              bad("id 4 of a token is outside the model's 4"));
  EXPECT_THAT(with(R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [1]}})"),
              bad("model.merges[0]: expected a pair"));
  EXPECT_THAT(with(R"({"model": {"type": "Unigram", "vocab": [["a"]]}})"),
              bad("model.vocab[0]: expected a token and its score"));
  EXPECT_THAT(with(std::string("{\"\xff\": 1}")), bad(""));
}

// A tokenizer that GGUF's keys cannot say is kept whole; so is one that nobody here can read.
TEST_F(SideFilesTest, WhatHasNoWordsIsKeptAndNoted) {
  const std::pair<std::string, std::string> files[] = {
      {R"({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Punctuation"},
             {"type": "ByteLevel"}]}, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
           "added_tokens": [{"id": 1, "content": "<|end|>", "special": true}]})",
       "pre_tokenizer: these steps"},
      {R"({"model": {"type": "Other", "vocab": {}}})", "model.type: 'Other' is not supported"}};
  for (const auto& [json, why] : files) {
    Write("tokenizer.json", json);
    std::vector<std::string> notes;
    STRATA_ASSERT_OK_AND_ASSIGN(const GgufMetadata metadata, MetadataOfFolder(folder_, 4, &notes));
    EXPECT_THAT(notes, ElementsAre(HasSubstr(why)));
    EXPECT_EQ(metadata.count("tokenizer.ggml.model"), 0u);
    EXPECT_EQ(*GetText(metadata, "tokenizer.huggingface.json"), json);
    const absl::StatusOr<int64_t> eos = GetInteger(metadata, "tokenizer.ggml.eos_token_id");
    EXPECT_EQ(eos.ok(), why[0] == 'p');
    EXPECT_EQ(eos.value_or(1), 1);
  }
}

// Spoilt files are refused or read; what is allocated stays in proportion to them.
TEST_F(SideFilesTest, SpoiltFilesAreSurvived) {
  std::mt19937_64 random(5);
  const std::string good = TinyTokenizerJson();
  const size_t usual = [&] {
    const size_t before = AllocatedBytes();
    EXPECT_OK(MetadataOfFolder(folder_, 264));
    return AllocatedBytes() - before;
  }();
  for (int round = 0; round < 150; ++round) {
    Write("tokenizer.json", round % 2 == 0 ? Spoil(good, random) : SpoilLine(good, random));
    const size_t before = AllocatedBytes();
    (void)MetadataOfFolder(folder_, 264);
    ASSERT_LE(AllocatedBytes() - before, 2 * usual);
  }
}

TEST(ConfigFuzz, SpoiltConfigsAreSurvived) {
  std::mt19937_64 random(6);
  for (const char* name : {"gpt2", "llama", "gemma2", "deepseek_v3"}) {
    const std::string good = WriteHfConfig(TinyConfig(name));
    for (int round = 0; round < 1000; ++round) {
      const std::string bad = round % 2 == 0 ? Spoil(good, random) : SpoilLine(good, random);
      const size_t before = AllocatedBytes();
      const absl::StatusOr<DecoderConfig> config = ParseHfConfig(bad, "config.json");
      ASSERT_LE(AllocatedBytes() - before, 512 * bad.size());
      if (!config.ok()) {
        EXPECT_THAT(config.status().message(), HasSubstr("config.json"));
      }
    }
  }
}

// The whole way: a folder with all its files comes back byte for byte.
TEST_F(SideFilesTest, FilesComeBack) {
  DecoderConfig config = TinyConfig("llama");
  config.set_vocab_size(264);
  ASSERT_OK(WriteTinyFolder(folder_, config, TinyWeights(config, 1)));
  const std::string gguf = JoinPath(::testing::TempDir(), "side_files.gguf");
  const std::string back = JoinPath(::testing::TempDir(), "side_files_back");
  ASSERT_OK(Convert(folder_, gguf, {.force = true}).status());
  ASSERT_OK(Convert(gguf, back, {.force = true}).status());
  for (const char* file :
       {"config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"}) {
    EXPECT_EQ(*ReadFile(JoinPath(back, file)), *ReadFile(JoinPath(folder_, file))) << file;
  }
}

TEST_F(SideFilesTest, WhatIsNotKeptIsMade) {
  STRATA_ASSERT_OK_AND_ASSIGN(GgufMetadata metadata, MetadataOfFolder(folder_, 264));
  for (auto it = metadata.begin(); it != metadata.end();) {
    const bool kept =
        it->first.rfind("strata.", 0) == 0 || it->first == "tokenizer.huggingface.json";
    it = kept ? metadata.erase(it) : std::next(it);
  }
  const std::string made = JoinPath(::testing::TempDir(), "side_files_made");
  DecoderConfig config = TinyConfig("llama");
  ASSERT_OK(WriteSideFiles(made, config, metadata).status());
  EXPECT_EQ(*ReadFile(JoinPath(made, "config.json")), WriteHfConfig(config));
  EXPECT_THAT(*ReadFile(JoinPath(made, "generation_config.json")), HasSubstr("261,\n    3"));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto before, LoadTokenizer(folder_));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto after, LoadTokenizer(made));
  for (const char* text : {"the band ran", " <|end|>\n\xe2\x82\xac", ""}) {
    EXPECT_EQ(after->Encode(text), before->Encode(text)) << text;
  }
  EXPECT_THAT(
      *ReadFile(JoinPath(made, "tokenizer_config.json")),
      ::testing::AllOf(HasSubstr(R"("bos_token": "<|begin|>")"), HasSubstr("chat_template")));
}

}  // namespace
}  // namespace strata::llm
