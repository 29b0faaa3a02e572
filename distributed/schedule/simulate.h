// Simulation: a schedule and times for its slots, and what becomes of them.
//
//   const SlotTimes times = {.forward = 10, .backward_input = 10, .weight = 10};
//   STRATA_ASSIGN_OR_RETURN(const Simulation run, Simulate(schedule, times));
//   run.makespan;                                 // 330 for 1F1B of 4 ranks and 8 microbatches
//   run.ranks[0].bubble;                          // 90: makespan less work
//   ToChromeTrace({run.timeline});                // a lane a rank
//
// Each rank runs its slots in order, as early as what they need allows; a send costs the sender
// nothing and arrives `hop` later. What DualPipe hides (Slot.with_next) takes SlotTimes.overlapped.
#ifndef STRATA_DISTRIBUTED_SCHEDULE_SIMULATE_H_
#define STRATA_DISTRIBUTED_SCHEDULE_SIMULATE_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "chips/timeline/timeline.pb.h"
#include "distributed/schedule/replay.h"
#include "distributed/schedule/schedule.h"

namespace strata::schedule {

struct RankUse {
  int64_t start = 0;            // of the first slot
  int64_t end = 0;              // of the last slot
  int64_t busy = 0;             // in slots
  int64_t bubble = 0;           // makespan - busy: idle while any rank works
  int64_t gaps = 0;             // end - start - busy: idle between its own first and last slot
  double peak_activations = 0;  // in chunks (activations.h)
};

struct Simulation {
  int64_t makespan = 0;  // until the last rank ends; the first slot starts at 0
  std::vector<RankUse> ranks;
  chips::Timeline
      timeline;  // SIMULATED; lanes "rank 0", ...; categories "F", "BW", "B", "W", "F with BW"

  int64_t bubble() const;           // of the rank that has most
  int64_t gaps() const;             // likewise
  double peak_activations() const;  // likewise
  double bubble_fraction()
      const;  // idle time of all ranks over all time of all ranks; 0 without time
};

// INVALID_ARGUMENT for a schedule that deadlocks, or for negative times (by their name). Expects a
// schedule that is valid otherwise. Times must add up within 63 bits.
absl::StatusOr<Simulation> Simulate(const Schedule& schedule, const SlotTimes& times = {});

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_SIMULATE_H_
