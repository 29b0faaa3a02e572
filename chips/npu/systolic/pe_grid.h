// The systolic array itself, cycle by cycle: a grid of PEs whose registers hand operands to their
// neighbours, computing real products. Slow and obvious; the oracle of cycle_model.h.
//
//   STRATA_ASSIGN_OR_RETURN(const GridRun run, RunSerial(a, b, {4, 4}, Dataflow::kWeightStationary));
//   run.product;  // a * b
//   run.cycles;   // as SCALE-Sim counts: the number of the last cycle in which a PE computed
//
// In a cycle each PE reads what its left and upper neighbours latched in the cycle before:
//
//   weight stationary   operand of A from the left, sum of products from above, its weight at rest
//   input stationary    the same machine for the transposes: C^T = B^T A^T
//   output stationary   operand of A from the left, of B from above, its sum at rest
//
// Row r's (and, output stationary, column c's) operands enter r (c) cycles late, so that partners meet.
// PEs without work compute with zeros, and a fold ends when the last PE of the grid has seen the last
// operand. Nothing here knows a formula for cycles: they are counted. An observer sees all registers
// after each cycle:
//
//   RunSerial(a, b, {3, 3}, dataflow, [&](const GridFrame& frame) { frames.push_back(frame); });
//
// INVALID_ARGUMENT when the shapes do not fit or are empty.
#ifndef STRATA_CHIPS_NPU_SYSTOLIC_PE_GRID_H_
#define STRATA_CHIPS_NPU_SYSTOLIC_PE_GRID_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "base/status.h"
#include "chips/npu/systolic/cycle_model.h"

namespace strata::chips::systolic {

struct IntMatrix {
  IntMatrix(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), values(static_cast<size_t>(rows * columns)) {}

  int64_t& At(int64_t r, int64_t c) { return values[static_cast<size_t>(r * columns + c)]; }
  int64_t At(int64_t r, int64_t c) const { return values[static_cast<size_t>(r * columns + c)]; }
  // 0 outside.
  int64_t Padded(int64_t r, int64_t c) const { return r < rows && c < columns ? At(r, c) : 0; }
  IntMatrix Transposed() const;

  int64_t rows, columns;
  std::vector<int64_t> values;
};

struct GridRun {
  IntMatrix product;  // [M, N]
  int64_t cycles = 0;
};

// An operand on its way, with its place in the stream.
struct GridOperand {
  bool valid = false;
  int64_t value = 0;
  int64_t time = 0;
};

// What a PE's registers hold at the end of a cycle.
struct PeState {
  GridOperand from_left;   // ws, is: what streams; os: of A
  GridOperand from_above;  // os: of B
  int64_t weight = 0;      // ws, is: the operand at rest
  int64_t sum = 0;     // ws, is: of the row from_left.time of the stream, handed down; os: at rest
  bool works = false;  // it multiplied operands in this cycle, those of the padding with them
};

struct GridFrame {
  int64_t cycle = 0;              // from 0
  bool loads = false;             // ws, is: operands at rest move down a row, nothing else
  int64_t row0 = 0, column0 = 0;  // of the fold
  std::vector<PeState> pes = {};  // [rows, columns]
};

using GridObserver = std::function<void(const GridFrame&)>;

// Folds one after another, as SCALE-Sim has them. Input stationary, `observe` sees the transposes.
absl::StatusOr<GridRun> RunSerial(const IntMatrix& a, const IntMatrix& b, const ArrayShape& array,
                                  Dataflow dataflow, const GridObserver& observe = nullptr);

absl::Status CheckGrid(const IntMatrix& a, const IntMatrix& b, const ArrayShape& array);

}  // namespace strata::chips::systolic

#endif  // STRATA_CHIPS_NPU_SYSTOLIC_PE_GRID_H_
