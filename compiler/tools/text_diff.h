// The lines in which two texts differ, as a unified diff that people read and `patch` applies.
//
//   const TextDiff diff = DiffLines(before, after);
//   diff.added;                                          // lines of `after` alone
//   std::string text = UnifiedDiff(before, after, diff, {"00-input.graph", "01-cse.graph"});
//
// Lines that both texts have once are matched first (their longest increasing subsequence), then what lies between
// them: the "patience diff" of B. Cohen. The text of an SSA graph names each value once, so nearly every line is such
// an anchor, the matching is the one a reader would draw, and it takes n log n. Between anchors a longest common
// subsequence is found where the gap is small, else the gap is replaced as a whole.
#ifndef STRATA_COMPILER_TOOLS_TEXT_DIFF_H_
#define STRATA_COMPILER_TOOLS_TEXT_DIFF_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata::compiler {

struct TextDiff {
  std::vector<std::pair<int, int>> kept;  // lines of both, as (line before, line after); both rise
  int removed = 0;                        // lines of `before` that are not kept
  int added = 0;                          // lines of `after` that are not kept
};

// A text ends its last line with a newline or not; the empty text has no lines.
TextDiff DiffLines(absl::string_view before, absl::string_view after);

struct DiffNames {
  std::string before, after;
  int context = 3;  // kept lines shown around a change
};

// "" when nothing differs. `diff` must be that of the two texts.
std::string UnifiedDiff(absl::string_view before, absl::string_view after, const TextDiff& diff,
                        const DiffNames& names);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_TEXT_DIFF_H_
