// Points not tried yet: by drawing, and in small or nearly tried-out spaces by walking through all.
#ifndef STRATA_COMPILER_TUNE_ENUMERATE_H_
#define STRATA_COMPILER_TUNE_ENUMERATE_H_

#include <set>
#include <vector>

#include "compiler/tune/strategy.h"

namespace strata::compiler::tune {

// Spaces of at most so many points are walked through.
inline constexpr int64_t kWalkedPoints = 1 << 16;

// Adds to `proposals` until it holds `count`, valid points that are neither in the history nor in it, uniformly. Fewer
// when there are no more, or when none was found in a space too large to be walked through.
void AddFresh(const SearchSpace& space, const History& history, int count, Random* random,
              std::set<Config>* proposed, std::vector<Config>* proposals);

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_ENUMERATE_H_
