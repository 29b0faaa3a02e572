#include "inference/engine/tokenizer.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/engine/utf8.h"

namespace strata::inference {
namespace {

// One token a byte; 256 is special.
class ByteTokenizer : public Tokenizer {
 public:
  std::vector<int32_t> Encode(absl::string_view text) const override {
    std::vector<int32_t> ids;
    for (char c : text) ids.push_back(static_cast<uint8_t>(c));
    return ids;
  }
  std::vector<int32_t> EncodeOrdinary(absl::string_view text) const override {
    return Encode(text);
  }
  std::string Decode(absl::Span<const int32_t> ids) const override {
    std::string text;
    for (int32_t id : ids) text += TokenBytes(id);
    return text;
  }
  std::string TokenBytes(int32_t id) const override {
    if (id == 256) return "<end>";
    if (id < 0 || id > 256) return "";
    return std::string(1, static_cast<char>(id));
  }
  std::optional<int32_t> TokenId(absl::string_view bytes) const override {
    if (bytes.size() != 1) return std::nullopt;
    return static_cast<uint8_t>(bytes[0]);
  }
  int vocab_size() const override { return 257; }
  std::optional<int32_t> bos() const override { return std::nullopt; }
  std::optional<int32_t> eos() const override { return 256; }
  bool IsSpecial(int32_t id) const override { return id == 256; }
};

TEST(Utf8, ScanKnowsTableThreeSeven) {
  const auto kind = [](absl::string_view text) { return Utf8Scan(text).kind; };
  EXPECT_EQ(kind(""), Utf8Kind::kIncomplete);
  for (absl::string_view valid :
       {"a", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(kind(valid), Utf8Kind::kValid) << valid;
    EXPECT_EQ(Utf8Scan(valid).size, valid.size());
    for (size_t n = 1; n < valid.size(); ++n) {
      EXPECT_EQ(kind(valid.substr(0, n)), Utf8Kind::kIncomplete);
      EXPECT_EQ(Utf8Scan(valid.substr(0, n)).size, n);
    }
  }
  for (absl::string_view invalid :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\x80", "\xED\xA0\x80", "\xF0\x8F\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_EQ(kind(invalid), Utf8Kind::kInvalid) << invalid;
    EXPECT_EQ(Utf8Scan(invalid).size, 1u);
  }
  EXPECT_EQ(Utf8Scan("\xE2\x82!").size, 2u);
}

TEST(Utf8, ValidPrefixCountsAcrossTheFastPath) {
  for (size_t n = 0; n < 40; ++n) {
    const std::string ascii(n, 'x');
    EXPECT_EQ(ValidUtf8Prefix(ascii), n);
    EXPECT_EQ(ValidUtf8Prefix(ascii + "\xFFyyyyyyyyyyyy"), n);
    EXPECT_EQ(ValidUtf8Prefix(ascii + "\xC3\xA9yyyyyyyyyyyy"), n + 14);
  }
}

TEST(Utf8, ReplaceMarksEachMaximalBadPart) {
  EXPECT_EQ(ReplaceInvalidUtf8(""), "");
  EXPECT_EQ(ReplaceInvalidUtf8("a\xFF\xFF z"), "a\xEF\xBF\xBD\xEF\xBF\xBD z");
  EXPECT_EQ(ReplaceInvalidUtf8("\xE2\x82"), "\xEF\xBF\xBD");
  EXPECT_EQ(ReplaceInvalidUtf8("\xF0\x9F\x92z"), "\xEF\xBF\xBDz");
}

TEST(StreamDecoder, HoldsBackUnfinishedCharacters) {
  const ByteTokenizer tokenizer;
  StreamDecoder stream(&tokenizer);
  EXPECT_EQ(stream.Push('a'), "a");
  EXPECT_EQ(stream.Push(0xE2), "");
  EXPECT_EQ(stream.Push(0x82), "");
  EXPECT_EQ(stream.Push(0xAC), "\xE2\x82\xAC");
  EXPECT_EQ(stream.Push(0xE2), "");
  EXPECT_EQ(stream.Push('b'),
            "\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(stream.Push(0xC3), "");
  EXPECT_EQ(stream.Flush(), "\xEF\xBF\xBD");
  EXPECT_EQ(stream.Flush(), "");
}

TEST(StreamDecoder, SkipsSpecialTokensWhenTold) {
  const ByteTokenizer tokenizer;
  StreamDecoder skipping(&tokenizer);
  EXPECT_EQ(skipping.Push(256), "");
  EXPECT_EQ(skipping.Push(-1), "");
  EXPECT_EQ(skipping.Push(1000), "");
  StreamDecoder showing(&tokenizer, /*skip_special=*/false);
  EXPECT_EQ(showing.Push(256), "<end>");
}

TEST(StreamDecoder, PiecesAreValidAndAddUpToTheWhole) {
  const ByteTokenizer tokenizer;
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    std::string bytes;
    for (uint32_t n = random() % 30; n > 0; --n) {
      static constexpr uint8_t kInteresting[] = {'a',  0x80, 0xBF, 0xC3, 0xE2,
                                                 0xF0, 0x9F, 0xED, 0xA0, 0xFF};
      bytes += static_cast<char>(random() % 2 ? kInteresting[random() % 10] : random() % 256);
    }
    StreamDecoder stream(&tokenizer);
    std::string all;
    const auto add = [&](const std::string& piece) {
      EXPECT_EQ(ValidUtf8Prefix(piece), piece.size());
      all += piece;
    };
    for (int32_t id : tokenizer.Encode(bytes)) add(stream.Push(id));
    add(stream.Flush());
    EXPECT_EQ(all, ReplaceInvalidUtf8(bytes));
  }
}

}  // namespace
}  // namespace strata::inference
