// Schedule: who computes what in which order, in a pipeline. Data, not code: what makes it
// (schedules.h), checks it (validate.h), times it (simulate.h) and runs it know nothing of each
// other.
//
//   Schedule schedule;  // 1F1B of 2 ranks and 1 microbatch, by hand
//   schedule.ranks = 2;
//   schedule.microbatches = 1;
//   schedule.chunks = 2;
//   schedule.slots = {{{SlotKind::kForward, 0, 0}, {SlotKind::kBackward, 0, 0}},
//                     {{SlotKind::kForward, 0, 1}, {SlotKind::kBackward, 0, 1}}};
//   STRATA_RETURN_IF_ERROR(ValidateSchedule(schedule));
//
// Terms: a *chunk* is a piece of the model, a virtual stage; data flows from chunk 0 to the last. A
// rank holds the chunks that its slots name. In a bidirectional schedule (Chimera, DualPipe) two
// ranks hold a chunk, with weights of their own, and each microbatch runs through it on one of
// them.
//
// What a slot waits for, all of one microbatch:
//   F of chunk c    F of chunk c - 1
//   B of chunk c    F of chunk c, and B of chunk c + 1
//   W of chunk c    B of chunk c
// The gradient of a chunk's weights is the sum over microbatches, wherever they ran.
#ifndef STRATA_DISTRIBUTED_SCHEDULE_SCHEDULE_H_
#define STRATA_DISTRIBUTED_SCHEDULE_SCHEDULE_H_

#include <string>
#include <vector>

namespace strata::schedule {

enum class SlotKind {
  kForward,        // F
  kBackward,       // B and W in one slot: gradients of inputs and of weights
  kBackwardInput,  // B alone; a kWeight of the same microbatch and chunk must follow
  kWeight,         // W alone
};

struct Slot {
  SlotKind kind = SlotKind::kForward;
  int microbatch = 0;      // [0, microbatches)
  int chunk = 0;           // [0, chunks)
  bool with_next = false;  // computed together with the next slot, so that one hides the other's
                           // communication (DualPipe); both wait for what either needs

  friend bool operator==(const Slot&, const Slot&) = default;
};

struct Schedule {
  std::string name;
  int ranks = 0;                              // of the pipeline axis
  int microbatches = 0;                       // of a step
  int chunks = 0;                             // of the model; at least one a rank
  std::vector<std::vector<Slot>> slots = {};  // by rank, in order of execution

  friend bool operator==(const Schedule&, const Schedule&) = default;
};

// By chunk: the ranks that hold it, ascending. Slots out of range are passed over.
std::vector<std::vector<int>> HoldersOf(const Schedule& schedule);

bool IsBackward(SlotKind kind);  // kBackward or kBackwardInput

std::string SlotName(const Slot& slot);     // "F3" of chunk 0, "B3.1" of chunk 1
std::string SlotPath(int rank, int index);  // "pipeline[1].slots[4]"
std::string DescribeSlot(SlotKind kind, int microbatch,
                         int chunk);  // "FORWARD of microbatch 3, chunk 1"
std::string DescribeSlot(const Slot& slot);

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_SCHEDULE_H_
