// Where each piece of work stands in a schedule, and what it waits for.
//
//   STRATA_ASSIGN_OR_RETURN(const SlotTable table, SlotTable::Of(schedule));
//   for (const SlotPlace& place : table.Needs(rank, index)) ...   // of F, B or W
#ifndef STRATA_DISTRIBUTED_SCHEDULE_SLOT_TABLE_H_
#define STRATA_DISTRIBUTED_SCHEDULE_SLOT_TABLE_H_

#include <vector>

#include "absl/container/inlined_vector.h"
#include "base/status.h"
#include "distributed/schedule/schedule.h"

namespace strata::schedule {

struct SlotPlace {
  int rank = -1;
  int index = -1;  // into Schedule.slots[rank]

  bool exists() const { return rank >= 0; }
  friend bool operator==(const SlotPlace&, const SlotPlace&) = default;
};

class SlotTable {
 public:
  // INVALID_ARGUMENT with the path of a slot whose fields are out of range or which repeats
  // another. Pieces of work may be missing. `schedule` must outlive the table; its microbatches and
  // chunks are at least 1.
  static absl::StatusOr<SlotTable> Of(const Schedule& schedule);

  // Where a microbatch's F, B (of either kind) and W of a chunk are.
  SlotPlace forward(int microbatch, int chunk) const { return At(0, microbatch, chunk); }
  SlotPlace backward(int microbatch, int chunk) const { return At(1, microbatch, chunk); }
  SlotPlace weight(int microbatch, int chunk) const { return At(2, microbatch, chunk); }

  // What the slot waits for (see schedule.h): none, one or two. A piece that is missing is left
  // out.
  absl::InlinedVector<SlotPlace, 2> Needs(int rank, int index) const;

 private:
  SlotPlace At(int row, int microbatch, int chunk) const {
    return places_[row][static_cast<size_t>(microbatch) * schedule_->chunks + chunk];
  }
  absl::Status Add(int rank, int index);

  const Schedule* schedule_ = nullptr;
  std::vector<SlotPlace> places_[3];  // F, B, W: [#microbatches, #chunks]
};

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_SLOT_TABLE_H_
