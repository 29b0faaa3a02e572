// The systolic array of honest mode, cycle by cycle: folds overlap, operands at rest have a second
// register, outputs drain behind the next fold's products. The oracle of honest.h, as pe_grid.h is of
// cycle_model.h.
//
//   STRATA_ASSIGN_OR_RETURN(const GridRun run, RunOverlapped(a, b, array, dataflow));
//
// Operands carry the number of their fold. Weight and input stationary: an operand at rest travels down
// its column through the spare registers to the row it is for, waits there, and becomes the active one
// when the first operand of its fold passes by; a spare register is handed on only when free, so the
// column holds itself back. A fold enters when the first PE's next operand waits. Output stationary:
// a finished sum drops into the PE's spare register and leaves through the foot of its column, one row a
// cycle; a PE whose own sum is being dropped takes none from above. A fold enters `interval` cycles after
// the one before.
//
// INTERNAL when a PE's next operand is late, or a sum finds its register taken (os: the interval is too
// short): the schedule is then none that a machine can run.
#ifndef STRATA_CHIPS_NPU_SYSTOLIC_OVERLAPPED_GRID_H_
#define STRATA_CHIPS_NPU_SYSTOLIC_OVERLAPPED_GRID_H_

#include "chips/npu/systolic/pe_grid.h"

namespace strata::chips::systolic {

// `cycles` is the number of the last cycle in which a sum was made (os: left the grid), from 0. `interval`
// is read for kOutputStationary only; at least K.
absl::StatusOr<GridRun> RunOverlapped(const IntMatrix& a, const IntMatrix& b,
                                      const ArrayShape& array, Dataflow dataflow, int64_t interval);

}  // namespace strata::chips::systolic

#endif  // STRATA_CHIPS_NPU_SYSTOLIC_OVERLAPPED_GRID_H_
