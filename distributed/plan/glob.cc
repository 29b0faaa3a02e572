#include "distributed/plan/glob.h"

#include <cstddef>

namespace strata::parallel {

// On a mismatch the last star takes one character more.
bool FitsGlob(absl::string_view glob, absl::string_view name) {
  constexpr size_t kNone = absl::string_view::npos;
  size_t g = 0, n = 0, star = kNone, resume = 0;
  while (n < name.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = n;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == name[n])) {
      ++g, ++n;
    } else if (star != kNone) {
      g = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

}  // namespace strata::parallel
