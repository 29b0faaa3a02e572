// Schedule: the loops of a Computation, as a small tree. Print() gives its stable text, which travels in the Plan.
//
//   parallel i0 < 64 {
//     vector i1 < 1024 { t0 = in0[1024 * i0 + i1]; r0 = reduce_max(t0) }
//     finish r0
//     ...
//
// Row kernels walk a row once for each level of reductions that need each other, and once more for what needs them all;
// dear values that a later walk needs again are kept in a row buffer (or read back from the output they were stored to).
#ifndef STRATA_COMPILER_LOOP_SCHEDULE_H_
#define STRATA_COMPILER_LOOP_SCHEDULE_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/loop/computation.h"

namespace strata::compiler::loop {

inline constexpr int kLanes = 16;
// Vectors of the columns that one thread sums at a time in a column kernel.
inline constexpr int kStripVectors = 256;
// Columns that a column kernel within outer dims may have (its accumulators are on the stack).
inline constexpr int64_t kMaxColumns = 65536;

struct Stmt {
  enum class Kind {
    kParallel,  // over the product of `dims`; body sees their indices
    kStrips,  // parallel over vectors of dim `dim` in [lo, hi); units [base, base + ceil((hi - lo) / 16))
    kSerial,  // for dim in [lo, hi)
    kVector,  // for dim in [lo, hi), 16 lanes at a time; inside kStrips: this thread's part of it
    kIf,      // lo <= index of dim < hi
    kLet,     // names the value of `expr`
    kReload,  // names `expr`, read back from `access` (an output) or from row buffer `slot`
    kStore,   // `expr` to `access`
    kKeep,    // `expr` to row buffer `slot`
    kStart,   // accumulators of `reduction` at their neutral value
    kAccumulate,  // one more value into `reduction`
    kFinish,      // the result of `reduction`
  };
  explicit Stmt(Kind kind) : kind(kind) {}

  Kind kind;
  int dim = -1;
  std::vector<int> dims;
  int64_t lo = 0, hi = 0, base = 0;
  int expr = -1;
  int reduction = -1;
  int slot = -1;
  Access access;
  std::vector<Stmt> body;
};

struct Nest {
  Computation computation;
  std::vector<Stmt> body;
  std::vector<bool> is_vector;  // by expr: 16 lanes, else one number
  int slots = 0;                // row buffers, each of computation.dims.back() numbers
  int64_t parallel_extent = 0;
  int64_t grain = 1;
};

// UNIMPLEMENTED where reductions depend on each other in a way that one kernel cannot serve.
absl::StatusOr<Nest> Schedule(Computation computation);

std::string Print(const Nest& nest);

// "1024 * i0 + i1 + 3"; "0" for nothing.
std::string IndexText(const Access& access);

// For each output, the inputs whose storage it may take over: each of their elements is read only for the output's
// element at the same place, before that is stored.
std::vector<std::vector<int>> InPlace(const Nest& nest);

}  // namespace strata::compiler::loop

#endif  // STRATA_COMPILER_LOOP_SCHEDULE_H_
