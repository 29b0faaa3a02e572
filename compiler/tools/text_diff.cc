#include "compiler/tools/text_diff.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace strata::compiler {
namespace {

using Lines = std::vector<absl::string_view>;

// Cells of the table for one gap's longest common subsequence.
constexpr int64_t kMaxTable = 1 << 20;

Lines LinesOf(absl::string_view text) {
  if (text.empty()) return {};
  Lines lines = absl::StrSplit(text, '\n');
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

// A pair of ranges still to be matched: lines [a, a_end) before, [b, b_end) after.
struct Gap {
  int a, a_end, b, b_end;
  bool empty() const { return a == a_end || b == b_end; }
};

class Matcher {
 public:
  Matcher(const std::vector<int>& before, const std::vector<int>& after)
      : before_(before), after_(after) {}

  std::vector<std::pair<int, int>> Run() {
    Match({0, static_cast<int>(before_.size()), 0, static_cast<int>(after_.size())});
    return std::move(kept_);
  }

 private:
  bool Same(int a, int b) const {
    return before_[static_cast<size_t>(a)] == after_[static_cast<size_t>(b)];
  }

  // Takes what both ends share, then splits at anchors, then looks closer.
  void Match(Gap gap) {
    while (!gap.empty() && Same(gap.a, gap.b)) kept_.push_back({gap.a++, gap.b++});
    int tail = 0;
    while (!gap.empty() && Same(gap.a_end - 1, gap.b_end - 1)) --gap.a_end, --gap.b_end, ++tail;
    if (!gap.empty()) MatchInside(gap);
    for (int i = 0; i < tail; ++i) kept_.push_back({gap.a_end + i, gap.b_end + i});
  }

  void MatchInside(const Gap& gap) {
    const std::vector<std::pair<int, int>> anchors = Anchors(gap);
    if (anchors.empty()) return MatchByTable(gap);
    Gap rest = gap;
    for (const auto& [a, b] : anchors) {
      Match({rest.a, a, rest.b, b});
      kept_.push_back({a, b});
      rest.a = a + 1;
      rest.b = b + 1;
    }
    Match(rest);
  }

  // Lines that each side has once in the gap, in an order that both sides agree on.
  std::vector<std::pair<int, int>> Anchors(const Gap& gap) const {
    struct Seen {
      int in_a = 0, in_b = 0, b = 0;
    };
    std::unordered_map<int, Seen> seen;
    for (int a = gap.a; a < gap.a_end; ++a) ++seen[before_[static_cast<size_t>(a)]].in_a;
    for (int b = gap.b; b < gap.b_end; ++b) {
      Seen& line = seen[after_[static_cast<size_t>(b)]];
      ++line.in_b;
      line.b = b;
    }
    std::vector<std::pair<int, int>> pairs;
    for (int a = gap.a; a < gap.a_end; ++a) {
      const Seen& line = seen[before_[static_cast<size_t>(a)]];
      if (line.in_a == 1 && line.in_b == 1) pairs.push_back({a, line.b});
    }
    return LongestRising(pairs);
  }

  // The longest subsequence whose second numbers rise (the first ones do).
  static std::vector<std::pair<int, int>> LongestRising(
      const std::vector<std::pair<int, int>>& pairs) {
    std::vector<int> tops;                        // of each length, the pair with the least end
    std::vector<int> previous(pairs.size(), -1);  // the pair before it in its sequence
    for (size_t i = 0; i < pairs.size(); ++i) {
      const auto at = std::lower_bound(
          tops.begin(), tops.end(), pairs[i].second,
          [&](int top, int end) { return pairs[static_cast<size_t>(top)].second < end; });
      if (at != tops.begin()) previous[i] = *(at - 1);
      if (at == tops.end()) {
        tops.push_back(static_cast<int>(i));
      } else {
        *at = static_cast<int>(i);
      }
    }
    std::vector<std::pair<int, int>> rising;
    for (int i = tops.empty() ? -1 : tops.back(); i >= 0; i = previous[static_cast<size_t>(i)])
      rising.push_back(pairs[static_cast<size_t>(i)]);
    std::reverse(rising.begin(), rising.end());
    return rising;
  }

  // Longest common subsequence by dynamic programming; a gap too large for that shares nothing.
  void MatchByTable(const Gap& gap) {
    const int64_t rows = gap.a_end - gap.a, columns = gap.b_end - gap.b;
    if (rows * columns > kMaxTable) return;
    const auto at = [columns](int64_t i, int64_t j) {
      return static_cast<size_t>(i * (columns + 1) + j);
    };
    std::vector<int> length(static_cast<size_t>((rows + 1) * (columns + 1)), 0);
    for (int64_t i = rows - 1; i >= 0; --i) {
      for (int64_t j = columns - 1; j >= 0; --j) {
        const bool same = Same(gap.a + static_cast<int>(i), gap.b + static_cast<int>(j));
        length[at(i, j)] = same ? length[at(i + 1, j + 1)] + 1
                                : std::max(length[at(i + 1, j)], length[at(i, j + 1)]);
      }
    }
    for (int64_t i = 0, j = 0; i < rows && j < columns;) {
      const int a = gap.a + static_cast<int>(i), b = gap.b + static_cast<int>(j);
      if (Same(a, b)) {
        kept_.push_back({a, b});
        ++i, ++j;
      } else if (length[at(i + 1, j)] >= length[at(i, j + 1)]) {
        ++i;
      } else {
        ++j;
      }
    }
  }

  const std::vector<int>& before_;
  const std::vector<int>& after_;
  std::vector<std::pair<int, int>> kept_;
};

// Equal lines have equal numbers.
std::vector<int> Number(const Lines& lines, std::unordered_map<std::string, int>* numbers) {
  std::vector<int> result;
  for (absl::string_view line : lines) {
    result.push_back(
        numbers->emplace(std::string(line), static_cast<int>(numbers->size())).first->second);
  }
  return result;
}

// One step of the edit: the lines [a, a_end) go, [b, b_end) come, in place of each other.
std::vector<Gap> Changes(const TextDiff& diff, int before_lines, int after_lines) {
  std::vector<Gap> changes;
  int a = 0, b = 0;
  const auto until = [&](int a_end, int b_end) {
    if (a < a_end || b < b_end) changes.push_back({a, a_end, b, b_end});
    a = a_end + 1;
    b = b_end + 1;
  };
  for (const auto& [kept_a, kept_b] : diff.kept) until(kept_a, kept_b);
  until(before_lines, after_lines);
  return changes;
}

std::string RangeText(int start, int count) {
  return absl::StrCat(count == 0 ? start : start + 1, ",", count);
}

}  // namespace

TextDiff DiffLines(absl::string_view before, absl::string_view after) {
  const Lines a = LinesOf(before), b = LinesOf(after);
  std::unordered_map<std::string, int> numbers;
  const std::vector<int> a_numbers = Number(a, &numbers), b_numbers = Number(b, &numbers);
  TextDiff diff;
  diff.kept = Matcher(a_numbers, b_numbers).Run();
  diff.removed = static_cast<int>(a.size() - diff.kept.size());
  diff.added = static_cast<int>(b.size() - diff.kept.size());
  return diff;
}

std::string UnifiedDiff(absl::string_view before, absl::string_view after, const TextDiff& diff,
                        const DiffNames& names) {
  const Lines a = LinesOf(before), b = LinesOf(after);
  const int a_size = static_cast<int>(a.size()), b_size = static_cast<int>(b.size());
  const std::vector<Gap> changes = Changes(diff, a_size, b_size);
  if (changes.empty()) return "";
  std::string text = absl::StrCat("--- ", names.before, "\n+++ ", names.after, "\n");
  const auto append = [&text](char mark, const Lines& lines, int begin, int end) {
    for (int i = begin; i < end; ++i)
      absl::StrAppend(&text, std::string(1, mark), lines[static_cast<size_t>(i)], "\n");
  };
  for (size_t first = 0; first < changes.size();) {
    size_t last = first;  // changes whose contexts touch are one hunk
    while (last + 1 < changes.size() &&
           changes[last + 1].a - changes[last].a_end <= 2 * names.context)
      ++last;
    const int lead = std::min(names.context, changes[first].a);
    const int trail = std::min(names.context, a_size - changes[last].a_end);
    const int a_begin = changes[first].a - lead, b_begin = changes[first].b - lead;
    const int a_end = changes[last].a_end + trail, b_end = changes[last].b_end + trail;
    absl::StrAppend(&text, "@@ -", RangeText(a_begin, a_end - a_begin), " +",
                    RangeText(b_begin, b_end - b_begin), " @@\n");
    int at = a_begin;
    for (size_t i = first; i <= last; ++i) {
      append(' ', a, at, changes[i].a);
      append('-', a, changes[i].a, changes[i].a_end);
      append('+', b, changes[i].b, changes[i].b_end);
      at = changes[i].a_end;
    }
    append(' ', a, at, a_end);
    first = last + 1;
  }
  return text;
}

}  // namespace strata::compiler
