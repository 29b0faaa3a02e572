#include "llm/tokenizer/normalizer.h"

#include <map>
#include <random>

#include "base/spoil.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "llm/tokenizer/character_map.h"
#include "llm/tokenizer/code_point.h"

namespace strata::llm {
namespace {

using ::testing::HasSubstr;

std::string Normalize(absl::string_view text, const std::vector<Normalization>& steps) {
  absl::StatusOr<Normalizer> normalizer = Normalizer::Create(steps);
  EXPECT_OK(normalizer);
  return normalizer.ok() ? normalizer->Normalize(text) : "";
}

TEST(Normalizer, FormsAndBadBytes) {
  EXPECT_EQ(Normalize("e\u0301", {UnicodeForm::kNfc}), "\u00E9");
  EXPECT_EQ(Normalize("\u00E9", {UnicodeForm::kNfd}), "e\u0301");
  EXPECT_EQ(Normalize("\uFB01\uFF11", {UnicodeForm::kNfkc}), "fi1");
  EXPECT_EQ(Normalize("\uFB01\u00E9", {UnicodeForm::kNfkd}), "fie\u0301");
  EXPECT_EQ(Normalize("\xFF"
                      "e\u0301\xE2",
                      {UnicodeForm::kNfc}),
            "\xFF\u00E9\xE2");
  EXPECT_EQ(Normalize("", {UnicodeForm::kNfc}), "");
  EXPECT_EQ(Normalize(std::string("a\0\u00E9", 4), {UnicodeForm::kNfd}),
            std::string("a\0e\u0301", 5));
}

TEST(Normalizer, BytesBecomeLetters) {
  EXPECT_EQ(Normalize("Hello \u6211\u4ECA\n", {BytesToLetters()}),
            "Hello\u0120\u00E6\u012A\u0133\u00E4\u00BB\u012C\u010A");
  EXPECT_EQ(Normalize(std::string("\0\xFF", 2), {BytesToLetters()}), "\u0100\u00FF");
  EXPECT_EQ(Normalize("", {BytesToLetters()}), "");
  EXPECT_EQ(Normalize(" A", {BytesToLetters(), Lowercase()}),
            "\u0121a");  // the letter has a lower case
}

TEST(Normalizer, SpacesAndWords) {
  EXPECT_EQ(LeadingSpace(" \t\u2003x "), 5u);
  EXPECT_EQ(TrailingSpace(" x\u2003\n "), 5u);
  EXPECT_EQ(TrailingSpace("   "), 3u);
  EXPECT_EQ(TrailingSpace(""), 0u);
  EXPECT_TRUE(StartsWithWord("\u4E2D"));
  EXPECT_TRUE(EndsWithWord("!\u00E9"));
  EXPECT_TRUE(EndsWithWord("_"));
  EXPECT_FALSE(EndsWithWord(""));
  EXPECT_FALSE(StartsWithWord("\xFF"));
  EXPECT_FALSE(StartsWithSpace("\xFF"));
}
TEST(Normalizer, CaseAndAccents) {
  EXPECT_EQ(Normalize("\u00C9COLE \u0130\u03A3", {Lowercase()}), "\u00E9cole i\u0307\u03C3");
  EXPECT_EQ(Normalize("e\u0301\u0903x", {StripAccents()}), "ex");
  EXPECT_EQ(Normalize("\u00E9", {StripAccents()}), "\u00E9");  // composed: needs NFD before it
  EXPECT_EQ(Normalize("\u00E9", {UnicodeForm::kNfd, StripAccents(), UnicodeForm::kNfc}), "e");
}

TEST(Normalizer, StripReplacePrepend) {
  EXPECT_EQ(Normalize(" \u3000a b\n", {StripSpace()}), "a b");
  EXPECT_EQ(Normalize(" a ", {StripSpace{true, false}}), "a ");
  EXPECT_EQ(Normalize(" a ", {StripSpace{false, true}}), " a");
  EXPECT_EQ(Normalize("a b", {PrependText{"\u2581"}, ReplaceText{" ", true, "\u2581"}}),
            "\u2581a\u2581b");
  EXPECT_EQ(Normalize("", {PrependText{"\u2581"}}), "");
  EXPECT_EQ(Normalize("a  b   c", {ReplaceText{" {2,}", false, " "}}), "a b c");
  EXPECT_EQ(Normalize("\u00E9x", {ReplaceText{"y*", false, "-"}}), "-\u00E9-x-");
  EXPECT_EQ(Normalize("a\xFF  b", {ReplaceText{" +", false, "_"}}), "a\xFF_b");
}

TEST(Normalizer, BertCleansSpacesAndLowers) {
  EXPECT_EQ(Normalize("H\u00E9llo\u00A0W\u200Borld\t\u4E2D\u6587!", {BertNormalization()}),
            "hello world  \u4E2D  \u6587 !");
  BertNormalization cased;
  cased.lowercase = false;
  EXPECT_EQ(Normalize("H\u00E9", {cased}), "H\u00E9");
  cased.strip_accents = true;
  EXPECT_EQ(Normalize("H\u00E9", {cased}), "He");
  EXPECT_EQ(Normalize("a\u200Bb\x01\tc", {NmtNormalization()}), "a b c");
}

TEST(Normalizer, ErrorsNameTheStep) {
  EXPECT_THAT(Normalizer::Create({Lowercase(), ReplaceText{"(a", false, ""}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("[1]: pattern: malformed regular expression")));
  EXPECT_THAT(Normalizer::Create({ReplaceText{"", true, "x"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pattern: is empty")));
  EXPECT_THAT(Normalizer::Create({CharacterMap{"abc"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("[0]: a character map of 3")));
  EXPECT_THAT(Normalizer::Create({CharacterMap{std::string("\x08\0\0\0abcd", 8)}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("8 bytes of the 4")));
}

TEST(CharacterMapper, ReplacesTheLongest) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const std::string bytes,
      PackCharacterMap({{"\uFF21", "A"}, {"a", "1"}, {"ab", "2"}, {"abcd", "3"}, {"\u00AD", ""}}));
  STRATA_ASSERT_OK_AND_ASSIGN(const CharacterMapper mapper, CharacterMapper::Create(bytes));
  EXPECT_EQ(mapper.Map("x\uFF21a-abc-abcde\u00AD."), "xA1-2c-3e.");
  EXPECT_EQ(mapper.Map(""), "");
  EXPECT_EQ(mapper.Map("\xFF\xEF"), "\xFF\xEF");
  EXPECT_EQ(Normalize("\uFF21", {CharacterMap{bytes}}), "A");
  EXPECT_THAT(PackCharacterMap({{"", "x"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nothing")));
  EXPECT_THAT(PackCharacterMap({{"x", std::string(1, '\0')}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("zero")));
}

// The definition: at each character the longest key that the text has there.
std::string MapNaively(const std::map<std::string, std::string>& map, std::string text) {
  std::string result;
  while (!text.empty()) {
    std::string key, value;
    for (const auto& [k, v] : map) {
      if (text.compare(0, k.size(), k) == 0 && k.size() > key.size())
        std::tie(key, value) = std::tie(k, v);
    }
    if (key.empty()) key = value = text.substr(0, 1);
    result += value;
    text.erase(0, key.size());
  }
  return result;
}

TEST(CharacterMapper, EqualsTheNaiveMapAndSurvivesDamage) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 50; ++round) {
    std::map<std::string, std::string> map;
    const auto word = [&](uint64_t longest) {
      std::string text;
      for (uint64_t n = 1 + random() % longest; n > 0; --n) text += "abcd"[random() % 4];
      return text;
    };
    for (uint64_t n = random() % 60; n > 0; --n) map[word(5)] = word(3);
    STRATA_ASSERT_OK_AND_ASSIGN(const std::string bytes, PackCharacterMap(map));
    STRATA_ASSERT_OK_AND_ASSIGN(const CharacterMapper mapper, CharacterMapper::Create(bytes));
    const std::string text = word(80);
    EXPECT_EQ(mapper.Map(text), MapNaively(map, text));
    const absl::StatusOr<CharacterMapper> spoilt = CharacterMapper::Create(Spoil(bytes, random));
    if (spoilt.ok()) EXPECT_LT(spoilt->Map(text).size(), 1u << 20);
  }
}

}  // namespace
}  // namespace strata::llm
