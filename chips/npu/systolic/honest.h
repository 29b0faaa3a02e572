// Honest mode: the cycles of the same array when it does what built ones do, and where they go.
//
//   const HonestReport report = HonestCycles(gemm, array, dataflow);
//   report.cycles == report.scale_sim_cycles - report.Saved() + report.Added()
//
// SCALE-Sim runs folds one after another, each in T + R + C - 2 cycles, and R more to load a stationary
// operand. Here the next fold enters as soon as it can, `interval` cycles after the one before:
//
//   step                    interval                       why
//   SCALE-Sim               R + T + R + C - 2 (os: no R)   nothing of two folds overlaps
//   weights double-buffered     T + R + C - 2              a second register a PE takes the next fold's
//                                                          operand in while this one is computed with
//   drain overlapped        max(T + C - 1, R)              sums of the last rows fall through the array
//                                                          (os: out of it) behind the next fold's first
//   folds overlapped        max(T, R)                      column 0 begins the next fold while the last
//                                                          columns still end this one
//
// R is the floor: a column's next operand (os: its outputs) passes its one port in R cycles. What is paid
// once and SCALE-Sim leaves out:
//
//   outputs' way out  os: R cycles. SCALE-Sim lets every PE write its output in the cycle of its last
//                     product; here outputs leave through the foot of their column.
//   vector stage      1 cycle. Bias, activation and requantisation are done by a vector unit of C lanes
//                     on the way out. SCALE-Sim counts none; a pass of its own would take
//                     ceil(M * N / C) cycles, reported as vector_pass.
//
// Sums of several row folds (ws, is) stay in accumulators at the foot: partial_sums is the number of words
// that SCALE-Sim writes and never reads back. DRAM and scratchpad ports are not modelled: operands are
// there when wanted. The intervals are those of the cycle-by-cycle machine in pe_grid.h.
#ifndef STRATA_CHIPS_NPU_SYSTOLIC_HONEST_H_
#define STRATA_CHIPS_NPU_SYSTOLIC_HONEST_H_

#include <cstdint>

#include "chips/npu/systolic/cycle_model.h"

namespace strata::chips::systolic {

// All in cycles, but for partial_sums.
struct HonestReport {
  int64_t scale_sim_cycles = 0;
  int64_t cycles = 0;
  int64_t interval = 0;  // between the starts of two folds
  int64_t saved_double_buffered = 0;
  int64_t saved_drain_overlapped = 0;
  int64_t saved_folds_overlapped = 0;
  int64_t added_output_drain = 0;
  int64_t added_vector_stage = 0;
  int64_t vector_pass = 0;   // what fusing the vector unit spares; in neither total
  int64_t partial_sums = 0;  // words

  int64_t Saved() const {
    return saved_double_buffered + saved_drain_overlapped + saved_folds_overlapped;
  }
  int64_t Added() const { return added_output_drain + added_vector_stage; }
};

HonestReport HonestCycles(const Gemm& gemm, const ArrayShape& array, Dataflow dataflow);

}  // namespace strata::chips::systolic

#endif  // STRATA_CHIPS_NPU_SYSTOLIC_HONEST_H_
