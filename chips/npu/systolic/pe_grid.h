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
// operand. Nothing here knows a formula for cycles: they are counted.
//
// INVALID_ARGUMENT when the shapes do not fit or are empty.
#ifndef STRATA_CHIPS_NPU_SYSTOLIC_PE_GRID_H_
#define STRATA_CHIPS_NPU_SYSTOLIC_PE_GRID_H_

#include <cstdint>
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

// Folds one after another, as SCALE-Sim has them.
absl::StatusOr<GridRun> RunSerial(const IntMatrix& a, const IntMatrix& b, const ArrayShape& array,
                                  Dataflow dataflow);

absl::Status CheckGrid(const IntMatrix& a, const IntMatrix& b, const ArrayShape& array);

}  // namespace strata::chips::systolic

#endif  // STRATA_CHIPS_NPU_SYSTOLIC_PE_GRID_H_
