#include "distributed/schedule/activations.h"

#include <algorithm>

namespace strata::schedule {
namespace {

double Change(SlotKind kind, double kept_for_weight) {
  switch (kind) {
    case SlotKind::kForward:
      return 1;
    case SlotKind::kBackward:
      return -1;
    case SlotKind::kBackwardInput:
      return kept_for_weight - 1;
    case SlotKind::kWeight:
      return -kept_for_weight;
  }
  return 0;
}

}  // namespace

std::vector<double> PeakActivations(const Schedule& schedule, double kept_for_weight) {
  std::vector<double> peaks;
  for (const auto& slots : schedule.slots) {
    double held = 0;
    double peak = 0;
    for (const Slot& slot : slots) {
      held += Change(slot.kind, kept_for_weight);
      peak = std::max(peak, held);
    }
    peaks.push_back(peak);
  }
  return peaks;
}

double ChunksOfShare(const Schedule& schedule) {
  return static_cast<double>(schedule.chunks) / std::max(schedule.ranks, 1);
}

}  // namespace strata::schedule
