#include "llm/tokenizer/gguf_metadata.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::llm {
namespace {

using inference::GgufArray;
using inference::GgufMetadata;
using ::testing::HasSubstr;

GgufTokenizer Full() {
  GgufTokenizer full;
  full.model = "t5";
  full.pre = "default";
  full.tokens = {"a", "\u2581b"};
  full.scores = {-1.5, 0};
  full.token_types = {1, 3};
  full.merges = {"a b"};
  full.bos = 0;
  full.eos = 1;
  full.eot = 0;
  full.unknown = 1;
  full.separator = 0;
  full.padding = 1;
  full.add_bos = true;
  full.add_eos = false;
  full.add_space_prefix = true;
  full.remove_extra_spaces = false;
  full.character_map = std::string("\0\x80\xff", 3);
  return full;
}

// Every key is written as the format's text says, and comes back.
TEST(GgufMetadataOfTokenizers, EveryFieldHasItsKeyAndComesBack) {
  const GgufMetadata entries = GgufEntriesOf(Full());
  EXPECT_EQ(entries.size(), 17u);
  EXPECT_EQ(*GetText(entries, "tokenizer.ggml.model"), "t5");
  EXPECT_EQ(*GetText(entries, "tokenizer.ggml.pre"), "default");
  EXPECT_EQ(*GetTexts(entries, "tokenizer.ggml.tokens"), Full().tokens);
  EXPECT_EQ(*GetNumbers(entries, "tokenizer.ggml.scores"), (std::vector<double>{-1.5, 0}));
  EXPECT_EQ(*GetIntegers(entries, "tokenizer.ggml.token_type"), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(*GetTexts(entries, "tokenizer.ggml.merges"), Full().merges);
  EXPECT_EQ(*GetInteger(entries, "tokenizer.ggml.bos_token_id"), 0);
  EXPECT_EQ(*GetInteger(entries, "tokenizer.ggml.eos_token_id"), 1);
  EXPECT_EQ(*GetInteger(entries, "tokenizer.ggml.eot_token_id"), 0);
  EXPECT_EQ(*GetInteger(entries, "tokenizer.ggml.unknown_token_id"), 1);
  EXPECT_EQ(*GetInteger(entries, "tokenizer.ggml.seperator_token_id"), 0);
  EXPECT_EQ(*GetInteger(entries, "tokenizer.ggml.padding_token_id"), 1);
  EXPECT_TRUE(*GetBool(entries, "tokenizer.ggml.add_bos_token"));
  EXPECT_FALSE(*GetBool(entries, "tokenizer.ggml.add_eos_token"));
  EXPECT_TRUE(*GetBool(entries, "tokenizer.ggml.add_space_prefix"));
  EXPECT_FALSE(*GetBool(entries, "tokenizer.ggml.remove_extra_whitespaces"));
  EXPECT_EQ(*GetIntegers(entries, "tokenizer.ggml.precompiled_charsmap"),
            (std::vector<int64_t>{0, 128, 255}));
  EXPECT_EQ(TypeOf(entries.at("tokenizer.ggml.bos_token_id")), inference::GgufType::kU32);
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufTokenizer back, GgufTokenizerOf(entries));
  EXPECT_EQ(GgufEntriesOf(back), entries);
  EXPECT_EQ(back.character_map, Full().character_map);
}

TEST(GgufMetadataOfTokenizers, WhatIsNotThereIsLeftOut) {
  EXPECT_TRUE(GgufEntriesOf(GgufTokenizer()).empty());
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufTokenizer none, GgufTokenizerOf({}));
  EXPECT_THAT(TokenizerFromGguf(none),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("tokenizer.ggml.model: is missing")));
}

TEST(GgufMetadataOfTokenizers, OtherWritersSpellings) {
  GgufMetadata entries = {
      {"tokenizer.ggml.bos_token_id", int32_t{-1}},
      {"tokenizer.ggml.eos_token_id", uint32_t{0xffffffff}},
      {"tokenizer.ggml.padding_token_id", uint64_t{3}},
      {"tokenizer.ggml.precompiled_charsmap", GgufArray::Of<int8_t>({0, -128, -1})}};
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufTokenizer read, GgufTokenizerOf(entries));
  EXPECT_FALSE(read.bos.has_value());
  EXPECT_FALSE(read.eos.has_value());
  EXPECT_EQ(read.padding, 3);
  EXPECT_EQ(read.character_map, Full().character_map);
}

TEST(GgufMetadataOfTokenizers, FaultsNameTheKey) {
  const auto expect = [](const char* key, const inference::GgufValue& value, const char* message) {
    EXPECT_THAT(GgufTokenizerOf({{key, value}}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         ::testing::AllOf(HasSubstr(key), HasSubstr(message))));
  };
  expect("tokenizer.ggml.model", uint32_t{1}, "string");
  expect("tokenizer.ggml.tokens", std::string("a"), "");
  expect("tokenizer.ggml.bos_token_id", int32_t{-2}, "-2 is no token");
  expect("tokenizer.ggml.eot_token_id", uint64_t{1} << 40, "is no token");
  expect("tokenizer.ggml.add_bos_token", uint32_t{1}, "bool");
}

}  // namespace
}  // namespace strata::llm
