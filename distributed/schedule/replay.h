// Replay: every rank runs its slots in order, and waits for what a slot needs. The one engine under
// the validator (does it end?) and the simulator (when?).
#ifndef STRATA_DISTRIBUTED_SCHEDULE_REPLAY_H_
#define STRATA_DISTRIBUTED_SCHEDULE_REPLAY_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "distributed/schedule/schedule.h"
#include "distributed/schedule/slot_table.h"

namespace strata::schedule {

// How long things take, in nanoseconds (or any unit: only sums are made). All at least 0.
struct SlotTimes {
  int64_t forward = 1;         // F of a chunk
  int64_t backward_input = 1;  // B of a chunk
  int64_t weight = 1;          // W of a chunk; BACKWARD takes B + W
  int64_t hop = 0;             // from the end of a slot to when another rank has its result
  // Of two slots that run with each other (Slot.with_next); negative: the sum of both.
  int64_t overlapped = -1;
  // What a chunk's times are multiplied by, by chunk index; empty: all by 1. Not `overlapped`.
  std::vector<int64_t> chunk_scale = {};

  int64_t Of(const Slot& slot) const;
};

struct SlotTime {
  int64_t start = 0;
  int64_t end = 0;
};

// By rank and slot. INVALID_ARGUMENT names the circle of slots that wait for each other when the
// schedule never ends. `table` is of `schedule`.
absl::StatusOr<std::vector<std::vector<SlotTime>>> Replay(const Schedule& schedule,
                                                          const SlotTable& table,
                                                          const SlotTimes& times);

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_REPLAY_H_
