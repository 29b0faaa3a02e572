// What the papers say of a schedule without running it: idle time and activations in closed form.
//
//   STRATA_ASSIGN_OR_RETURN(const ClosedForm form,
//                           ClosedFormOf("1f1b", {.ranks = 4, .microbatches = 8}, times));
//   form.bubble;     // (p - 1)(F + B + W) = 90 with times of 10
//   form.is_exact;   // the simulation gives just that
//
// p ranks, m microbatches, v chunks a rank; F, B, W are times of one *chunk*, so that a paper's T_F
// of a rank with v chunks is v F here. Papers that write B for the whole backward pass mean B + W
// here.
//
//   schedule          idle time              of           activations, in chunks
//   gpipe             (p-1)(F+B+W)           makespan     m
//   1f1b              (p-1)(F+B+W)           makespan     min(p, m)
//   interleaved_1f1b  (p-1)(F+B+W)           makespan     min(vp + p - 1, vm)
//   chimera           (p/2-1)(F+B+W)         makespan     min(p, m)
//   zb_h1             (p-1)(F+B-W)           makespan     min(p, m)
//   zb_h2             (p-1)(F+B-2W)          own span     min(2p - 1, m)
//   zb_v              0                      own span     min(2p, 2m)
//   dualpipe          (p/2-1)(F&B+B-2W)      makespan     p + 1
//   dualpipe_v        (p-1)(F&B+B-2W)        makespan     2p + 1
//
// F&B is SlotTimes.overlapped. A rank's own span is from its first slot to its last: of use where
// the optimizer does not wait for all ranks (arXiv:2401.10241, section 4). is_exact says where the
// simulation of what MakeSchedule() makes gives the same number; elsewhere the paper's formula
// rests on assumptions, named in `assumes`.
#ifndef STRATA_DISTRIBUTED_SCHEDULE_CLOSED_FORM_H_
#define STRATA_DISTRIBUTED_SCHEDULE_CLOSED_FORM_H_

#include <cstdint>
#include <string>

#include "base/status.h"
#include "distributed/schedule/replay.h"
#include "distributed/schedule/shape.h"

namespace strata::schedule {

struct ClosedForm {
  int64_t bubble = 0;           // of the rank that idles most
  bool of_own_span = false;     // Simulation.gaps(); otherwise Simulation.bubble()
  double peak_activations = 0;  // in chunks, of the rank that holds most
  bool is_exact = false;        // the bubble, for this shape and these times; peaks always are
  std::string formula;          // "(p-1)(F+B)", as the source writes it
  std::string source;           // paper
  std::string assumes = "";     // when the formula is exact; empty: always
};

// NOT_FOUND for a name without a closed form. No hops and no chunk_scale: INVALID_ARGUMENT.
absl::StatusOr<ClosedForm> ClosedFormOf(const std::string& name, const ScheduleShape& shape,
                                        const SlotTimes& times);

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_CLOSED_FORM_H_
