#include "distributed/plan/glob.h"

#include <string>

#include "gtest/gtest.h"

namespace strata::parallel {
namespace {

// By the definition, in exponential time.
bool Slowly(const std::string& glob, const std::string& name) {
  if (glob.empty()) return name.empty();
  if (glob[0] == '*')
    return Slowly(glob.substr(1), name) || (!name.empty() && Slowly(glob, name.substr(1)));
  return !name.empty() && (glob[0] == '?' || glob[0] == name[0]) &&
         Slowly(glob.substr(1), name.substr(1));
}

// The number in base `letters`, as letters.
std::string Word(int number, int length, const std::string& letters) {
  std::string word;
  for (int i = 0; i < length; ++i, number /= static_cast<int>(letters.size()))
    word += letters[static_cast<size_t>(number) % letters.size()];
  return word;
}

TEST(FitsGlobTest, IsWhatTheDefinitionSays) {
  int fits = 0;
  for (int g = 0; g < 5; ++g) {
    for (int i = 0; i < (1 << (2 * g)); ++i) {
      for (int n = 0; n < 5; ++n) {
        for (int k = 0; k < (1 << n); ++k) {
          const std::string glob = Word(i, g, "ab*?"), name = Word(k, n, "ab");
          EXPECT_EQ(FitsGlob(glob, name), Slowly(glob, name)) << glob << " on " << name;
          fits += FitsGlob(glob, name) ? 1 : 0;
        }
      }
    }
  }
  EXPECT_GT(fits, 1000);
}

TEST(FitsGlobTest, ManyStarsTakeNoTime) {
  std::string glob;
  for (int i = 0; i < 40; ++i) glob += "*a";
  EXPECT_FALSE(FitsGlob(glob + "b", std::string(400, 'a')));
  EXPECT_TRUE(FitsGlob(glob, std::string(400, 'a')));
}

TEST(FitsGlobTest, Names) {
  EXPECT_TRUE(FitsGlob("*.attn.?.weight", "h.0.attn.q.weight"));
  EXPECT_FALSE(FitsGlob("*.attn.?.weight", "h.0.attn.proj.weight"));
  EXPECT_FALSE(FitsGlob("h.1", "h.10"));
}

}  // namespace
}  // namespace strata::parallel
