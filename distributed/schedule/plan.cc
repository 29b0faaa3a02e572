#include "distributed/schedule/plan.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::schedule {
namespace {

// What does not fit is out of any schedule's range as well.
int ToInt(uint32_t value) {
  return static_cast<int>(std::min<uint32_t>(value, std::numeric_limits<int>::max()));
}

parallel::SlotKind KindInPlan(SlotKind kind) {
  if (kind == SlotKind::kForward) return parallel::FORWARD;
  return IsBackward(kind) ? parallel::BACKWARD : parallel::WEIGHT;
}

using Work = std::pair<uint32_t, uint32_t>;  // microbatch, chunk

std::set<Work> WeightsIn(const parallel::ParallelPlan& plan) {
  std::set<Work> weights;
  for (const parallel::StageSchedule& stage : plan.pipeline()) {
    for (const parallel::Slot& slot : stage.slots()) {
      if (slot.kind() == parallel::WEIGHT) weights.insert({slot.microbatch(), slot.chunk()});
    }
  }
  return weights;
}

absl::StatusOr<SlotKind> KindOf(const parallel::Slot& slot, const std::set<Work>& weights) {
  switch (slot.kind()) {
    case parallel::FORWARD:
      return SlotKind::kForward;
    case parallel::BACKWARD:
      return weights.count({slot.microbatch(), slot.chunk()}) > 0 ? SlotKind::kBackwardInput
                                                                  : SlotKind::kBackward;
    case parallel::WEIGHT:
      return SlotKind::kWeight;
    default:
      return absl::InvalidArgumentError(
          "is not set to a known kind; give FORWARD, BACKWARD or WEIGHT");
  }
}

}  // namespace

void WriteToPlan(const Schedule& schedule, parallel::ParallelPlan* plan) {
  plan->set_microbatches(static_cast<uint32_t>(schedule.microbatches));
  while (plan->chunks_size() < schedule.chunks) plan->add_chunks();
  plan->clear_pipeline();
  for (const std::vector<Slot>& slots : schedule.slots) {
    parallel::StageSchedule* stage = plan->add_pipeline();
    for (const Slot& slot : slots) {
      parallel::Slot* written = stage->add_slots();
      written->set_kind(KindInPlan(slot.kind));
      written->set_microbatch(static_cast<uint32_t>(slot.microbatch));
      written->set_chunk(static_cast<uint32_t>(slot.chunk));
      written->set_with_next(slot.with_next);
    }
  }
}

absl::StatusOr<Schedule> ReadFromPlan(const parallel::ParallelPlan& plan) {
  Schedule schedule;
  schedule.ranks = plan.pipeline_size();
  schedule.microbatches = ToInt(plan.microbatches());
  schedule.chunks = plan.chunks_size();
  const std::set<Work> weights = WeightsIn(plan);
  for (int rank = 0; rank < plan.pipeline_size(); ++rank) {
    std::vector<Slot>& slots = schedule.slots.emplace_back();
    for (int i = 0; i < plan.pipeline(rank).slots_size(); ++i) {
      const parallel::Slot& slot = plan.pipeline(rank).slots(i);
      const absl::StatusOr<SlotKind> kind = KindOf(slot, weights);
      STRATA_RETURN_IF_ERROR(Annotate(kind.status(), absl::StrCat(SlotPath(rank, i), ".kind")));
      slots.push_back({*kind, ToInt(slot.microbatch()), ToInt(slot.chunk()), slot.with_next()});
    }
  }
  return schedule;
}

}  // namespace strata::schedule
