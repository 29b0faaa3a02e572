#include "distributed/schedule/slot_table.h"

#include "absl/strings/str_cat.h"

namespace strata::schedule {
namespace {

template <typename... Args>
absl::Status Fault(const Args&... args) {
  return absl::InvalidArgumentError(absl::StrCat(args...));
}

int RowOf(SlotKind kind) {
  if (kind == SlotKind::kForward) return 0;
  return IsBackward(kind) ? 1 : 2;
}

}  // namespace

absl::StatusOr<SlotTable> SlotTable::Of(const Schedule& schedule) {
  size_t slots = 0;
  for (const auto& rank : schedule.slots) slots += rank.size();
  // A valid schedule has two slots for each place in the tables, or more: let no few slots ask for
  // much memory.
  const size_t places = static_cast<size_t>(schedule.microbatches) * schedule.chunks;
  if (places > 4 * slots + 4096) {
    return Fault("pipeline: has ", slots, " slots for ", schedule.microbatches,
                 " microbatches; each needs a FORWARD and a BACKWARD of every one of ",
                 schedule.chunks, " chunks");
  }
  SlotTable table;
  table.schedule_ = &schedule;
  for (auto& row : table.places_) row.resize(places);
  for (int rank = 0; rank < static_cast<int>(schedule.slots.size()); ++rank) {
    for (int i = 0; i < static_cast<int>(schedule.slots[rank].size()); ++i) {
      STRATA_RETURN_IF_ERROR(Annotate(table.Add(rank, i), SlotPath(rank, i)));
    }
  }
  return table;
}

absl::Status SlotTable::Add(int rank, int index) {
  const Slot& slot = schedule_->slots[rank][index];
  const int chunks = schedule_->chunks;
  if (slot.kind < SlotKind::kForward || slot.kind > SlotKind::kWeight)
    return Fault("kind: ", static_cast<int>(slot.kind), " is not a known kind");
  if (slot.microbatch < 0 || slot.microbatch >= schedule_->microbatches) {
    return Fault("microbatch: ", slot.microbatch, " is outside [0, ", schedule_->microbatches, ")");
  }
  if (slot.chunk < 0 || slot.chunk >= chunks)
    return Fault("chunk: ", slot.chunk, " is outside [0, ", chunks, ")");
  SlotPlace& place =
      places_[RowOf(slot.kind)][static_cast<size_t>(slot.microbatch) * chunks + slot.chunk];
  if (place.exists()) {
    return Fault(DescribeSlot(slot), " is done before, by ", SlotPath(place.rank, place.index),
                 "; take one of them away");
  }
  place = {rank, index};
  return absl::OkStatus();
}

absl::InlinedVector<SlotPlace, 2> SlotTable::Needs(int rank, int index) const {
  const Slot& slot = schedule_->slots[rank][index];
  absl::InlinedVector<SlotPlace, 2> needs;
  const auto add = [&](int row, int chunk) {
    if (chunk < 0 || chunk >= schedule_->chunks) return;
    const SlotPlace place = At(row, slot.microbatch, chunk);
    if (place.exists()) needs.push_back(place);
  };
  if (slot.kind == SlotKind::kForward) {
    add(0, slot.chunk - 1);
  } else if (IsBackward(slot.kind)) {
    add(0, slot.chunk);
    add(1, slot.chunk + 1);
  } else {
    add(1, slot.chunk);
  }
  return needs;
}

}  // namespace strata::schedule
