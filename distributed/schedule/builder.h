// What the makers of schedules share: a check of the shape, and a writer of a rank's slots.
//
//   STRATA_RETURN_IF_ERROR(CheckShape(shape, 1));
//   Schedule schedule = EmptySchedule("gpipe", shape, 1);
//   for (int rank = 0; rank < shape.ranks; ++rank) {
//     SlotWriter writer(&schedule, rank);
//     writer.Serve(/*chunk=*/rank, /*first=*/0, /*count=*/shape.microbatches);
//     for (int k = 0; k < shape.microbatches; ++k) writer.Forward(rank);
//   }
#ifndef STRATA_DISTRIBUTED_SCHEDULE_BUILDER_H_
#define STRATA_DISTRIBUTED_SCHEDULE_BUILDER_H_

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "distributed/schedule/schedule.h"
#include "distributed/schedule/shape.h"

namespace strata::schedule {

// INVALID_ARGUMENT unless there are ranks and microbatches (at most kMostSlots slots), and as many
// chunks a rank as the schedule prescribes.
inline constexpr int kMostSlots = 1 << 24;
absl::Status CheckShape(const ScheduleShape& shape, int chunks_per_rank);

// No slots yet.
Schedule EmptySchedule(const std::string& name, const ScheduleShape& shape, int chunks_per_rank);

// Appends slots to a rank. Each call takes the chunk's next microbatch of that kind of work; beyond
// the last one nothing is written, so that a pattern may be longer than the step.
class SlotWriter {
 public:
  SlotWriter(Schedule* schedule, int rank) : slots_(&schedule->slots[rank]) {}

  // Microbatches of a chunk: first, first + 1, ... (`count` of them), in either direction.
  void Serve(int chunk, int first, int count) { chunks_[chunk] = {first, count}; }

  void Forward(int chunk);
  void Backward(int chunk);
  void BackwardInput(int chunk);
  void Weight();           // of the oldest BackwardInput that has none
  void Weight(int chunk);  // of the chunk's oldest
  // F of one chunk together with B and W of another. A half that is missing leaves the other alone.
  void ForwardWithBackward(int forward_chunk, int backward_chunk);

  int forwards(int chunk) const { return chunks_.at(chunk).forwards; }    // calls so far
  int backwards(int chunk) const { return chunks_.at(chunk).backwards; }  // likewise, of both kinds
  int waiting_weights() const { return static_cast<int>(weights_.size()); }

 private:
  struct Progress {
    int first = 0;
    int count = 0;
    int forwards = 0;
    int backwards = 0;
  };

  bool Append(SlotKind kind, int chunk, int k);

  std::vector<Slot>* slots_;
  std::map<int, Progress> chunks_;
  std::deque<Slot> weights_;
};

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_BUILDER_H_
