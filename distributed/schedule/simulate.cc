#include "distributed/schedule/simulate.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "chips/timeline/validate.h"
#include "distributed/schedule/activations.h"
#include "distributed/schedule/slot_table.h"

namespace strata::schedule {
namespace {

absl::Status CheckTimes(const SlotTimes& times) {
  const struct {
    const char* name;
    int64_t value;
  } fields[] = {{"forward", times.forward},
                {"backward_input", times.backward_input},
                {"weight", times.weight},
                {"hop", times.hop}};
  for (const auto& field : fields) {
    if (field.value >= 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("times.", field.name, ": is ", field.value, "; give at least 0"));
  }
  for (size_t c = 0; c < times.chunk_scale.size(); ++c) {
    if (times.chunk_scale[c] >= 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("times.chunk_scale[", c, "]: is ", times.chunk_scale[c], "; give at least 0"));
  }
  return absl::OkStatus();
}

std::string CategoryOf(const Slot& slot) {
  switch (slot.kind) {
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

// Two slots that run together are one event.
chips::TimelineEvent EventOf(const Slot& slot, const Slot* with, int rank, const SlotTime& time) {
  chips::TimelineEvent event;
  event.set_name(SlotName(slot));
  event.set_category(CategoryOf(slot));
  event.set_origin(DescribeSlot(slot));
  if (with != nullptr) {
    event.set_name(absl::StrCat(SlotName(slot), " ", SlotName(*with)));
    event.set_category(absl::StrCat(CategoryOf(slot), " with ", CategoryOf(*with)));
    event.set_origin(absl::StrCat(DescribeSlot(slot), "; ", DescribeSlot(*with)));
  }
  event.set_lane(static_cast<uint32_t>(rank));
  event.set_start_ns(time.start);
  event.set_duration_ns(time.end - time.start);
  event.set_step(-1);
  return event;
}

// Of one rank, in order.
std::vector<chips::TimelineEvent> EventsOf(const std::vector<Slot>& slots, int rank,
                                           const std::vector<SlotTime>& times) {
  std::vector<chips::TimelineEvent> events;
  for (size_t i = 0; i < slots.size(); ++i) {
    const bool pair = slots[i].with_next && i + 1 < slots.size();
    events.push_back(EventOf(slots[i], pair ? &slots[i + 1] : nullptr, rank, times[i]));
    i += pair ? 1 : 0;
  }
  return events;
}

RankUse UseOf(const std::vector<chips::TimelineEvent>& events, int64_t makespan) {
  RankUse use;
  if (events.empty()) return use;
  use.start = events.front().start_ns();
  use.end = events.back().start_ns() + events.back().duration_ns();
  for (const chips::TimelineEvent& event : events) use.busy += event.duration_ns();
  use.bubble = makespan - use.busy;
  use.gaps = use.end - use.start - use.busy;
  return use;
}

template <typename T>
T Most(const std::vector<RankUse>& ranks, T RankUse::*field) {
  T most = 0;
  for (const RankUse& rank : ranks) most = std::max(most, rank.*field);
  return most;
}

}  // namespace

int64_t Simulation::bubble() const { return Most(ranks, &RankUse::bubble); }
int64_t Simulation::gaps() const { return Most(ranks, &RankUse::gaps); }
double Simulation::peak_activations() const { return Most(ranks, &RankUse::peak_activations); }

double Simulation::bubble_fraction() const {
  double idle = 0;
  for (const RankUse& rank : ranks) idle += static_cast<double>(rank.bubble);
  const double all = static_cast<double>(makespan) * static_cast<double>(ranks.size());
  return all == 0 ? 0 : idle / all;
}

absl::StatusOr<Simulation> Simulate(const Schedule& schedule, const SlotTimes& times) {
  STRATA_RETURN_IF_ERROR(CheckTimes(times));
  STRATA_ASSIGN_OR_RETURN(const SlotTable table, SlotTable::Of(schedule));
  STRATA_ASSIGN_OR_RETURN(const auto replay, Replay(schedule, table, times));
  const std::vector<double> peaks = PeakActivations(schedule);
  Simulation run;
  for (const auto& rank : replay)
    run.makespan = std::max(run.makespan, rank.empty() ? 0 : rank.back().end);
  std::vector<chips::TimelineEvent> all;
  run.timeline.set_version(chips::kTimelineVersion);
  run.timeline.set_name(schedule.name);
  run.timeline.set_source(chips::SIMULATED);
  for (int rank = 0; rank < static_cast<int>(replay.size()); ++rank) {
    auto events = EventsOf(schedule.slots[rank], rank, replay[rank]);
    run.ranks.push_back(UseOf(events, run.makespan));
    run.ranks.back().peak_activations = peaks[rank];
    run.timeline.add_lanes(absl::StrCat("rank ", rank));
    std::move(events.begin(), events.end(), std::back_inserter(all));
  }
  std::vector<size_t> order(all.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&all](size_t a, size_t b) {
    return std::make_tuple(all[a].start_ns(), all[a].lane(), a) <
           std::make_tuple(all[b].start_ns(), all[b].lane(), b);
  });
  for (size_t i : order) *run.timeline.add_events() = std::move(all[i]);
  return run;
}

}  // namespace strata::schedule
