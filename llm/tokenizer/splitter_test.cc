#include "llm/tokenizer/splitter.h"

#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "llm/tokenizer/code_point.h"
#include "llm/tokenizer/regex.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Split(absl::string_view pattern, absl::string_view text) {
  std::vector<std::string> pieces;
  FindSplitter(pattern)(text, [&](absl::string_view piece) { pieces.emplace_back(piece); });
  return pieces;
}

// The definition: matches of the pattern, and what is between them.
std::vector<std::string> SplitByRegex(const Regex& regex, absl::string_view text) {
  std::vector<std::string> pieces;
  size_t done = 0;
  while (const std::optional<TextRange> match = regex.Find(text, done)) {
    if (match->begin > done) pieces.emplace_back(text.substr(done, match->begin - done));
    pieces.emplace_back(text.substr(match->begin, match->end - match->begin));
    done = match->end;
  }
  if (done < text.size()) pieces.emplace_back(text.substr(done));
  return pieces;
}

// Characters that patterns tell apart, and now and then any other.
std::string RandomText(std::mt19937& random) {
  static constexpr uint32_t kOften[] = {
      ' ',    ' ',  '\n',   '\r',   '\t',   'a',  'S',    's',     'r',    'e',    'L',    'l',
      'D',    '\'', '\'',   '1',    '2',    '.',  '/',    0xE9,    0x17F,  0x301,  0x3000, 0xA0,
      0x2028, 0x85, 0x180E, 0x4E2D, 0x0663, 0xBD, 0x2019, 0x1F600, 0x200D, 0xFFFD, 0};
  std::string text;
  for (uint32_t n = random() % 24; n > 0; --n) {
    uint32_t c = kOften[random() % (sizeof(kOften) / sizeof(kOften[0]))];
    if (random() % 8 == 0) c = random() % 0x30000;
    if (c >= 0xD800 && c < 0xE000) c = 'x';
    AppendUtf8(c, &text);
  }
  return text;
}

TEST(Splitter, EqualsThePatternOnRandomText) {
  for (absl::string_view pattern : {kGpt2Pattern, kLlama3Pattern, kQwen2Pattern}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Regex regex, Regex::Compile(pattern));
    std::mt19937 random(7);
    for (int round = 0; round < 20000; ++round) {
      const std::string text = RandomText(random);
      ASSERT_EQ(Split(pattern, text), SplitByRegex(regex, text))
          << pattern << " round " << round << ": " << testing::PrintToString(text);
    }
  }
}

TEST(Splitter, EqualsThePatternOnEveryCharacter) {
  for (absl::string_view pattern : {kGpt2Pattern, kLlama3Pattern}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Regex regex, Regex::Compile(pattern));
    for (uint32_t c = 0; c < 0x110000; c += c < 0x3000 ? 1 : 97) {
      if (c >= 0xD800 && c < 0xE000) continue;
      std::string text = "a ";
      AppendUtf8(c, &text);
      text += "b1'";
      AppendUtf8(c, &text);
      ASSERT_EQ(Split(pattern, text), SplitByRegex(regex, text)) << pattern << " " << c;
    }
  }
}

TEST(Splitter, KnownCases) {
  EXPECT_THAT(Split(kLlama3Pattern, "I'LL pay $1234.50\r\n\n  now"),
              ElementsAre("I", "'LL", " pay", " $", "123", "4", ".", "50", "\r\n\n", " ", " now"));
  EXPECT_THAT(Split(kQwen2Pattern, "2026!"), ElementsAre("2", "0", "2", "6", "!"));
  EXPECT_THAT(Split(kLlama3Pattern, "x\t(y) = {\n"),
              ElementsAre("x", "\t", "(y", ")", " =", " {\n"));
  EXPECT_EQ(FindSplitter("\\p{L}+"), nullptr);
  EXPECT_THAT(Split(kGpt2Pattern, ""), ElementsAre());
}

}  // namespace
}  // namespace strata::llm
