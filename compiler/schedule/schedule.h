// Schedule: a list of steps that turn a Program into another that computes the same. Apply() replays it.
//
//   Schedule schedule = *ParseSchedule(R"(
//     split i 14 -> i0 i1
//     split j 32 -> j0 j1
//     reorder j0 i0 k i1 j1
//     pack B at root -> Bp [d1/32, d0, d1%32]
//     cache_write C at i0 -> acc
//     tensorise k fma
//     parallel j0
//   )");
//   STRATA_ASSIGN_OR_RETURN(Program fast, Apply(Matmul(...), schedule));
//
// Steps (a step names loops and buffers; new names must be free):
//   split L F -> O I           L = F*O + I; what F does not divide is left out by a condition
//   reorder L1 L2 ...          these loops of a perfect nest take each other's places, in this order
//   tile L1 L2 F1 F2 -> O1 O2 I1 I2      both split, then reorder O1 O2 I1 I2
//   fuse L1 L2 -> L            two loops, one directly in the other, become one of two dims
//   unroll L, vectorise L, parallel L    vectorise: an innermost loop, 16 lanes at a time; parallel: an outermost one
//   parallel L I               the iterations of L and of I, a loop in it, are shared out together (sharing.h)
//   compute_at T L             the nest that makes buffer T moves into loop L, where it makes what an iteration reads
//   cache_read B at L -> T [SCOPE]       what an iteration of L reads of B is copied to T first (stack by default)
//   cache_write B at L -> T [SCOPE]      what an iteration of L writes of B is kept in T until its end (register)
//   pack B at L|root -> T LAYOUT [SCOPE] cache_read with another order of elements; LAYOUT is a list of digits of the
//                              dims of the region: [d1/32, d0, d1%32] for panels of 32 columns, "d0%14:16" padded to 16.
//                              The rest of a padded region is 0. "root" copies ahead of everything, into scratch
//   tensorise L INTRINSIC      the nest L becomes an instruction sequence (tensorise.h): fma, dot_bf16, transpose, ...
//   pad L                      iterations that a condition on L cuts off a sum run all the same, where both factors are
//                              copies that are 0 there
//   prefetch B at L ahead N [of M1 M2 ...] [over R]      each iteration of L asks for the elements of B that it will touch
//                              N iterations on, of L or of the loops M around it (of several: in the next iteration of
//                              them). R is a loop between M and L that B does not move with: its iterations each ask for
//                              a share
//   reassociate                from here on, reductions may change the order of their terms
// The loops that cache and pack steps make are named after the new buffer: T_0, T_1, ...; cache_write names its copies of
// a loop I T_load_I and T_store_I.
//
// A step that changes what is computed is refused: FAILED_PRECONDITION with a witness, two iterations and the element whose
// order would be wrong. A step that fits no loop or buffer is NOT_FOUND or INVALID_ARGUMENT. Both say which step.
#ifndef STRATA_COMPILER_SCHEDULE_SCHEDULE_H_
#define STRATA_COMPILER_SCHEDULE_SCHEDULE_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/status.h"
#include "compiler/schedule/program.h"

namespace strata::compiler::schedule {

struct Split {
  std::string loop;
  int64_t factor = 1;  // >= 1: iterations of `inner`
  std::string outer, inner;
};
struct Reorder {
  std::vector<std::string> loops;  // outer first
};
struct Tile {
  std::string loops[2];
  int64_t factors[2] = {1, 1};
  std::string outer[2], inner[2];
};
struct Fuse {
  std::string outer, inner;
  std::string loop;  // the new one
};
struct Mark {  // unroll, vectorise, parallel
  std::string loop;
  LoopKind kind = LoopKind::kUnrolled;
  std::string with = {};  // parallel: shared out with it; "" for none
};
struct ComputeAt {
  std::string buffer, loop;
};
// One dim of a packed buffer: (index / divisor) % modulus of a dim of the region.
struct Digit {
  int dim = 0;
  int64_t divisor = 1;
  int64_t modulus = 0;  // 0: none
  int64_t padded = 0;   // 0: the size that is needed; else the size it gets
};
struct CacheRead {  // and pack
  std::string buffer, loop, name;
  Scope scope = Scope::kStack;
  std::vector<Digit> layout;  // empty: cache_read, the region's own dims
};
struct CacheWrite {
  std::string buffer, loop, name;
  Scope scope = Scope::kRegister;
};
struct Tensorise {
  std::string loop, intrinsic;
};
struct Pad {
  std::string loop;
};
struct Prefetch {
  std::string buffer, loop;
  int64_t ahead = 1;            // 1 where `of` names several loops
  std::vector<std::string> of;  // outer first; empty: `loop`
  std::string over;             // "" for none
};
struct Reassociate {};

using Step = std::variant<Split, Reorder, Tile, Fuse, Mark, ComputeAt, CacheRead, CacheWrite,
                          Tensorise, Pad, Prefetch, Reassociate>;
using Schedule = std::vector<Step>;

// One line a step; ParseSchedule(Print(s)) is s. Lines may be empty or comments ("# ...").
std::string Print(const Step& step);
std::string Print(const Schedule& schedule);
absl::StatusOr<Schedule> ParseSchedule(const std::string& text);  // INVALID_ARGUMENT names the line

// The program after all steps, or the status of the first that fails.
absl::StatusOr<Program> Apply(const Program& program, const Schedule& schedule);

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_SCHEDULE_H_
