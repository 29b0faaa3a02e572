// Computation: what a kernel computes, element by element, over one iteration space; still without loops.
//
// Lower() (lower.h) makes one from a region of primitives, Schedule() (schedule.h) makes loops of it. Example, softmax of
// [64, 1024] (kind row, dims {64, 1024}, one outer dim):
//
//   e0 = in0[1024 * i0 + i1]   r0 = max(e0)   e1 = e0 - r0   e2 = exp(e1)   r1 = sum(e2)   e3 = e2 / r1   out0[...] = e3
#ifndef STRATA_COMPILER_LOOP_COMPUTATION_H_
#define STRATA_COMPILER_LOOP_COMPUTATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "chips/numerics/dtype.h"

namespace strata::compiler::loop {

using chips::DType;

// kLoop: every element by itself. kRow: reductions over the trailing dims. kColumn: reductions over leading dims, while
// the last dim stays.
enum class Kind { kLoop, kRow, kColumn };
const char* KindName(Kind kind);

// An operand or result in memory, dense and row-major.
struct Buffer {
  std::string name;  // "in0", "out1"
  DType dtype = chips::DTYPE_UNSPECIFIED;
  std::vector<int64_t> dims;
};

// The element at offset + sum of strides[d] * i_d over the dims of the computation.
struct Access {
  int buffer = -1;
  std::vector<int64_t> strides;
  int64_t offset = 0;
  bool operator==(const Access& other) const = default;
};

struct Expr {
  enum class Kind {
    kLoad,       // buffer element at `access`
    kConstant,   // `value`
    kIndex,      // the number offset + sum strides * i (iota)
    kReduction,  // result of reductions[reduction]
    kApply,  // op(args); "cast" converts args[0] to dtype, "round_bf16" rounds a float to bf16's grid
  };
  Kind kind = Kind::kApply;
  DType dtype = chips::F32;
  std::string op;
  std::vector<int> args;  // earlier exprs
  Access access;
  double value = 0;
  int reduction = -1;
};

struct Reduction {
  std::string op;     // "reduce_sum", "reduce_max", "reduce_mean"
  int expr = -1;      // what is reduced
  int64_t count = 1;  // elements per result
};

struct Store {
  Access access;
  int expr = -1;
};

// A box of the iteration space and what is stored in it. Only kLoop has more than one (pad and concat make them).
struct Piece {
  std::vector<int64_t> lo, hi;  // per dim
  std::vector<Store> stores;
};

struct Computation {
  Kind kind = Kind::kLoop;
  // kLoop, kRow: row-major order of the result; kColumn: kept dims but the last, reduced dims, the
  // last kept dim.
  std::vector<int64_t> dims;
  std::vector<bool> reduced;    // per dim
  std::vector<Buffer> buffers;  // inputs, then outputs
  int inputs = 0;               // number of input buffers
  std::vector<Expr> exprs;      // dependency order
  std::vector<Reduction> reductions;
  std::vector<Piece> pieces;
  // Of the region, sorted, without repetition: for names and comments.
  std::vector<std::string> ops;

  bool empty() const { return pieces.empty(); }  // nothing is stored
};

}  // namespace strata::compiler::loop

#endif  // STRATA_COMPILER_LOOP_COMPUTATION_H_
