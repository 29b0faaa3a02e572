// Sharing: a parallel loop whose iterations are shared out together with those of a loop in it.
//
//   parallel jb < 2 with jp {     // of a split of 24 panels into blocks of 12
//     for Bp_0 < 12 { ... B[k, 384*jb + 32*Bp_0 + j] ... }
//     for jp < 12 { ... }
//   }
//
// What the program means does not change. A kernel gets a range of both loops, here of 24 panels, and goes through it in
// blocks of 12 from where the range begins: ranges may be of any length, and threads get even shares. Therefore all indices
// that move with the block move with the panel: 384 = 12 * 32. Loops that run through the panels of a block (jp, Bp_0) end
// where the range ends.
#ifndef STRATA_COMPILER_SCHEDULE_SHARING_H_
#define STRATA_COMPILER_SCHEDULE_SHARING_H_

#include <cstdint>
#include <set>
#include <string>

#include "base/status.h"
#include "compiler/schedule/program.h"

namespace strata::compiler::schedule {

// What is shared out by a loop that is parallel with another.
struct Sharing {
  int64_t block = 1;            // iterations of the inner loop
  int64_t extent = 0;           // of both: the last one that does something, plus one
  std::set<std::string> loops;  // that run through a block
};

// INVALID_ARGUMENT where `loop.with` is no serial loop of one dim in it, or an index moves with the one loop and not with
// the other.
absl::StatusOr<Sharing> SharingOf(const Loop& loop);

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_SHARING_H_
