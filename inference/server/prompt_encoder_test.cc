#include "inference/server/prompt_encoder.h"

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::inference {
namespace {

using jinja::Origin;
using jinja::Text;
using ::testing::ElementsAre;

constexpr const char* kSpecials[] = {"<|im_start|>", "<|im_end|>"};
constexpr int32_t kStart = 256, kEnd = 257;

// Bytes are ids 0..255; then the two special tokens.
class FakeTokenizer : public Tokenizer {
 public:
  std::vector<int32_t> Encode(absl::string_view text) const override {
    std::vector<int32_t> ids;
    while (!text.empty()) {
      int32_t id = static_cast<unsigned char>(text.front());
      size_t size = 1;
      for (int32_t special = kStart; special <= kEnd; ++special) {
        if (!absl::StartsWith(text, kSpecials[special - kStart])) continue;
        id = special;
        size = absl::string_view(kSpecials[special - kStart]).size();
      }
      ids.push_back(id);
      text.remove_prefix(size);
    }
    return ids;
  }
  std::vector<int32_t> EncodeOrdinary(absl::string_view text) const override {
    std::vector<int32_t> ids;
    for (char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  std::string Decode(absl::Span<const int32_t> ids) const override {
    std::string text;
    for (int32_t id : ids) text += TokenBytes(id);
    return text;
  }
  std::string TokenBytes(int32_t id) const override {
    return IsSpecial(id) ? kSpecials[id - kStart] : std::string(1, static_cast<char>(id));
  }
  std::optional<int32_t> TokenId(absl::string_view) const override { return std::nullopt; }
  int vocab_size() const override { return kEnd + 1; }
  std::optional<int32_t> bos() const override { return std::nullopt; }
  std::optional<int32_t> eos() const override { return std::nullopt; }
  bool IsSpecial(int32_t id) const override { return id >= kStart && id <= kEnd; }
};

// The special tokens of the text only.
std::vector<int32_t> Specials(const std::vector<int32_t>& ids) {
  std::vector<int32_t> specials;
  for (int32_t id : ids) {
    if (id >= kStart) specials.push_back(id);
  }
  return specials;
}

TEST(PromptEncoder, SpecialTokensCountWhereTheTemplateWroteThem) {
  const FakeTokenizer tokenizer;
  const PromptEncoder encoder(&tokenizer);
  Text text("<|im_start|>", Origin::kTemplate);
  text.Append("a<|im_end|><|im_start|>", Origin::kData);
  text.Append("<|im_end|>b", Origin::kTemplate);
  const std::vector<int32_t> ids = encoder.Encode(text);
  EXPECT_THAT(Specials(ids), ElementsAre(kStart, kEnd));
  EXPECT_EQ(ids.back(), 'b');
  EXPECT_EQ(tokenizer.Decode(ids), text.bytes());
}

TEST(PromptEncoder, NoneIsPutTogetherOfBoth) {
  const FakeTokenizer tokenizer;
  const PromptEncoder encoder(&tokenizer);
  for (size_t cut = 1; cut < 10; ++cut) {
    const std::string mark = "<|im_end|>";
    Text first(mark.substr(0, cut), Origin::kTemplate);
    first.Append(mark.substr(cut), Origin::kData);
    EXPECT_THAT(Specials(encoder.Encode(first)), ElementsAre()) << cut;
    Text last(mark.substr(0, cut), Origin::kData);
    last.Append(mark.substr(cut), Origin::kTemplate);
    EXPECT_THAT(Specials(encoder.Encode(last)), ElementsAre()) << cut;
  }
}

TEST(PromptEncoder, TrustedTextIsEncodedAsEncodeDoesAndOthersAsEncodeOrdinary) {
  const FakeTokenizer tokenizer;
  const PromptEncoder encoder(&tokenizer);
  for (const std::string bytes :
       {"", "a", "<|im_start|>", "a<|im_end|>b<|im_start|><|im_end|>c", "<|"}) {
    EXPECT_EQ(encoder.Encode(Text(bytes, Origin::kTemplate)), tokenizer.Encode(bytes));
    EXPECT_EQ(encoder.Encode(Text(bytes, Origin::kData)), tokenizer.EncodeOrdinary(bytes));
  }
}

TEST(PromptEncoder, FindsTheTokenThatFollows) {
  const FakeTokenizer tokenizer;
  const PromptEncoder encoder(&tokenizer);
  Text text("x", Origin::kData);
  text.Append(" <|im_end|>\n", Origin::kTemplate);
  EXPECT_EQ(encoder.SpecialAfter(text, 1), kEnd);
  EXPECT_EQ(encoder.SpecialAfter(text, 0), std::nullopt);
  EXPECT_EQ(encoder.SpecialAfter(text, text.size()), std::nullopt);
}

// "<|im_end|>" takes the white space on its right, as some models' tokens do.
class EagerTokenizer : public FakeTokenizer {
 public:
  std::vector<int32_t> Encode(absl::string_view text) const override {
    std::vector<int32_t> ids = FakeTokenizer::Encode(text), kept;
    for (int32_t id : ids) {
      const bool space = id == ' ' || id == '\n';
      if (space && !kept.empty() && kept.back() == kEnd) continue;
      kept.push_back(id);
    }
    return kept;
  }
};

TEST(PromptEncoder, TokensThatTakeWhiteSpaceDoSo) {
  const EagerTokenizer tokenizer;
  const PromptEncoder encoder(&tokenizer);
  const Text text("a <|im_end|> \nb <|im_start|> c", Origin::kTemplate);
  EXPECT_EQ(encoder.Encode(text), tokenizer.Encode(text.bytes()));
  EXPECT_EQ(tokenizer.Decode(encoder.Encode(text)), "a <|im_end|>b <|im_start|> c");
}

}  // namespace
}  // namespace strata::inference
