// Diffs of texts: what is kept is common, the patch makes one text of the other, and as little as can be is touched.
#include "compiler/tools/text_diff.h"

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

std::string Diff(const std::string& before, const std::string& after, int context = 3) {
  return UnifiedDiff(before, after, DiffLines(before, after), {"a", "b", context});
}

// What a unified diff makes of `before`; every line it keeps or removes must be there.
std::string Apply(const std::string& before, const std::string& patch) {
  const std::vector<std::string> lines = Split(before);
  std::vector<std::string> result;
  size_t at = 0;
  for (const std::string& line : Split(patch)) {
    if (line.empty() || line.rfind("---", 0) == 0 || line.rfind("+++", 0) == 0) continue;
    if (line[0] == '@') {
      int start = 0, count = 0;
      EXPECT_EQ(std::sscanf(line.c_str(), "@@ -%d,%d", &start, &count), 2) << line;
      const size_t begin = static_cast<size_t>(count == 0 ? start : start - 1);
      while (at < begin) result.push_back(lines.at(at++));
      continue;
    }
    const std::string text = line.substr(1);
    if (line[0] != '+') {
      EXPECT_EQ(lines.at(at++), text);
    }
    if (line[0] != '-') result.push_back(text);
  }
  while (at < lines.size()) result.push_back(lines[at++]);
  return result.empty() ? "" : absl::StrJoin(result, "\n") + "\n";
}

TEST(TextDiffTest, EqualTextsHaveNone) {
  EXPECT_EQ(Diff("", ""), "");
  EXPECT_EQ(Diff("a\nb\n", "a\nb\n"), "");
  EXPECT_EQ(Diff("a\nb", "a\nb\n"), "");  // the end of the last line is no difference
}

TEST(TextDiffTest, ReadsAsExpected) {
  EXPECT_EQ(Diff("one\ntwo\nthree\n", "one\n2\nthree\n"),
            "--- a\n+++ b\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n");
  EXPECT_EQ(Diff("", "x\n"), "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+x\n");
  EXPECT_EQ(Diff("x\n", ""), "--- a\n+++ b\n@@ -1,1 +0,0 @@\n-x\n");
}

TEST(TextDiffTest, FarChangesAreHunksOfTheirOwn) {
  std::string before, after;
  for (int i = 0; i < 40; ++i) {
    absl::StrAppend(&before, "line ", i, "\n");
    absl::StrAppend(&after, i == 5 || i == 30 ? "changed " : "line ", i, "\n");
  }
  const std::string diff = Diff(before, after, 2);
  EXPECT_THAT(diff, testing::HasSubstr("@@ -4,5 +4,5 @@"));
  EXPECT_THAT(diff, testing::HasSubstr("@@ -29,5 +29,5 @@"));
  EXPECT_EQ(Split(diff).size(), 2u + 2 * 7);
}

TEST(TextDiffTest, AMovedBlockKeepsTheLongerPart) {
  const TextDiff diff = DiffLines("a\nb\nc\nd\ne\n", "d\ne\na\nb\nc\n");
  EXPECT_EQ(diff.removed, 2);
  EXPECT_EQ(diff.added, 2);
}

// The longest common subsequence, by the textbook.
int Longest(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::vector<int>> table(a.size() + 1, std::vector<int>(b.size() + 1, 0));
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = 0; j < b.size(); ++j) {
      table[i + 1][j + 1] =
          a[i] == b[j] ? table[i][j] + 1 : std::max(table[i][j + 1], table[i + 1][j]);
    }
  }
  return table[a.size()][b.size()];
}

TEST(TextDiffTest, RandomTextsPatchIntoEachOther) {
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    const unsigned letters = 1 + random() % 30;
    std::string before, after;
    for (unsigned i = random() % 40; i > 0; --i)
      absl::StrAppend(&before, "l", random() % letters, "\n");
    for (const std::string& line : before.empty() ? std::vector<std::string>() : Split(before)) {
      if (random() % 5 == 0) absl::StrAppend(&after, "l", random() % letters, "\n");
      if (random() % 5 != 0) absl::StrAppend(&after, line, "\n");
    }
    const TextDiff diff = DiffLines(before, after);
    const std::vector<std::string> a = before.empty() ? std::vector<std::string>() : Split(before);
    const std::vector<std::string> b = after.empty() ? std::vector<std::string>() : Split(after);
    for (const auto& [i, j] : diff.kept) EXPECT_EQ(a.at(i), b.at(j));
    EXPECT_TRUE(std::is_sorted(diff.kept.begin(), diff.kept.end()));
    EXPECT_EQ(diff.removed + diff.kept.size(), a.size());
    EXPECT_EQ(diff.added + diff.kept.size(), b.size());
    EXPECT_LE(static_cast<int>(diff.kept.size()), Longest(a, b));
    for (int context : {0, 1, 3}) {
      EXPECT_EQ(Apply(before, Diff(before, after, context)), after) << Diff(before, after, context);
    }
  }
}

TEST(TextDiffTest, LongTextsWithoutAnchorsEnd) {
  std::string before, after;
  for (int i = 0; i < 3000; ++i) {
    absl::StrAppend(&before, "x", i % 7, "\n");
    absl::StrAppend(&after, "x", i % 5, "\n");
  }
  EXPECT_EQ(Apply(before, Diff(before, after)), after);
}

}  // namespace
}  // namespace strata::compiler
