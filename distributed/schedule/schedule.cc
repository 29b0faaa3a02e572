#include "distributed/schedule/schedule.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace strata::schedule {
namespace {

const char* LongName(SlotKind kind) {
  switch (kind) {
    case SlotKind::kForward:
      return "FORWARD";
    case SlotKind::kBackward:
      return "BACKWARD";
    case SlotKind::kBackwardInput:
      return "BACKWARD_INPUT";
    case SlotKind::kWeight:
      return "WEIGHT";
  }
  return "?";
}

const char* ShortName(SlotKind kind) {
  switch (kind) {
    case SlotKind::kForward:
      return "F";
    case SlotKind::kBackward:
      return "BW";
    case SlotKind::kBackwardInput:
      return "B";
    case SlotKind::kWeight:
      return "W";
  }
  return "?";
}

}  // namespace

std::vector<std::vector<int>> HoldersOf(const Schedule& schedule) {
  std::vector<std::vector<int>> holders(std::max(schedule.chunks, 0));
  for (int rank = 0; rank < static_cast<int>(schedule.slots.size()); ++rank) {
    for (const Slot& slot : schedule.slots[rank]) {
      if (slot.chunk < 0 || slot.chunk >= schedule.chunks) continue;
      std::vector<int>& ranks = holders[slot.chunk];
      if (ranks.empty() || ranks.back() != rank) ranks.push_back(rank);
    }
  }
  return holders;
}

bool IsBackward(SlotKind kind) {
  return kind == SlotKind::kBackward || kind == SlotKind::kBackwardInput;
}

std::string SlotName(const Slot& slot) {
  return absl::StrCat(ShortName(slot.kind), slot.microbatch,
                      slot.chunk == 0 ? "" : absl::StrCat(".", slot.chunk));
}

std::string SlotPath(int rank, int index) {
  return absl::StrCat("pipeline[", rank, "].slots[", index, "]");
}

std::string DescribeSlot(SlotKind kind, int microbatch, int chunk) {
  return absl::StrCat(LongName(kind), " of microbatch ", microbatch, ", chunk ", chunk);
}

std::string DescribeSlot(const Slot& slot) {
  return DescribeSlot(slot.kind, slot.microbatch, slot.chunk);
}

}  // namespace strata::schedule
