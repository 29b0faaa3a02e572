#include "inference/engine/stop_filter.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "inference/engine/fake_model.h"

namespace strata::inference {
namespace {

// Pushes bytes one by one; all text that came out, '|' between pieces that came with one token.
std::string Filter(const std::string& text, const std::vector<std::string>& stop, bool* stopped) {
  const ByteTokenizer tokenizer;
  StopFilter filter(tokenizer, stop);
  std::string out;
  for (unsigned char c : text) out += filter.Push(c);
  out += filter.Flush();
  *stopped = filter.stopped();
  return out;
}

TEST(StopFilter, CutsAtTheStopStringAndNeverShowsAPartOfIt) {
  bool stopped = false;
  EXPECT_EQ(Filter("one END two", {"END"}, &stopped), "one ");
  EXPECT_TRUE(stopped);
  EXPECT_EQ(Filter("one EN two", {"END"}, &stopped), "one EN two");
  EXPECT_FALSE(stopped);
  EXPECT_EQ(Filter("one EN", {"END"}, &stopped), "one EN");
  EXPECT_EQ(Filter("aab", {"ab", ""}, &stopped), "a");
  EXPECT_EQ(Filter("xyz", {"yz", "xy"}, &stopped), "");
}

TEST(StopFilter, HoldsBackUnfinishedCharacters) {
  const ByteTokenizer tokenizer;
  const std::vector<std::string> stop;
  StopFilter filter(tokenizer, stop);
  EXPECT_EQ(filter.Push(0xC3), "");
  EXPECT_EQ(filter.Push(0xA9), "\xC3\xA9");
  EXPECT_EQ(filter.Push(0xE2), "");
  EXPECT_EQ(filter.Flush(), "\xEF\xBF\xBD");
}

TEST(StopFilter, SpecialTokensGiveTextWhereTheyAreShown) {
  const ByteTokenizer tokenizer;
  const std::vector<std::string> stop;
  StopFilter hidden(tokenizer, stop), shown(tokenizer, stop, {256});
  EXPECT_EQ(hidden.Push('a') + hidden.Push(256) + hidden.Push('b'), "ab");
  EXPECT_EQ(shown.Push('a') + shown.Push(256) + shown.Push('b'), "a<|endoftext|>b");
}

}  // namespace
}  // namespace strata::inference
