#include "distributed/schedule/messages.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <tuple>

#include "distributed/schedule/slot_table.h"

namespace strata::schedule {
namespace {

// All messages, by the slot that makes them.
std::vector<Message> MessagesOf(const Schedule& schedule, const SlotTable& table) {
  std::vector<Message> messages;
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    for (int i = 0; i < static_cast<int>(schedule.slots[rank].size()); ++i) {
      const Slot& slot = schedule.slots[rank][i];
      for (const SlotPlace& need : table.Needs(rank, i)) {
        if (need.rank == rank) continue;
        messages.push_back(
            {.kind = slot.kind == SlotKind::kForward ? SlotKind::kForward : SlotKind::kBackward,
             .microbatch = slot.microbatch,
             .from_chunk = schedule.slots[need.rank][need.index].chunk,
             .to_chunk = slot.chunk,
             .from_rank = need.rank,
             .to_rank = rank,
             .from_slot = need.index,
             .to_slot = i});
      }
    }
  }
  return messages;
}

// An event of the one order: a slot when it starts, a message when it was made. At the same time
// messages come first, so that a slot finds what just came.
struct Event {
  int64_t time = 0;
  bool is_run = false;
  int rank = 0;  // of the slot, or of the slot that made the message
  int slot = 0;
  int message = -1;

  bool operator<(const Event& other) const {
    return std::tie(time, is_run, rank, slot, message) <
           std::tie(other.time, other.is_run, other.rank, other.slot, other.message);
  }
};

std::vector<Event> EventsOf(const std::vector<Message>& messages,
                            const std::vector<std::vector<SlotTime>>& replay) {
  std::vector<Event> events;
  for (int rank = 0; rank < static_cast<int>(replay.size()); ++rank) {
    for (int i = 0; i < static_cast<int>(replay[rank].size()); ++i)
      events.push_back({replay[rank][i].start, true, rank, i, -1});
  }
  for (int m = 0; m < static_cast<int>(messages.size()); ++m) {
    const Message& message = messages[m];
    const int64_t made = replay[message.from_rank][message.from_slot].end;
    events.push_back({made, false, message.from_rank, message.from_slot, m});
  }
  std::sort(events.begin(), events.end());
  return events;
}

// The actions of a rank whose peers' sends return at once. Messages between two ranks keep their
// order.
std::vector<Action> LateActions(const Communication& all, int rank, int slots) {
  std::vector<std::vector<int>> needed(slots), made(slots);  // messages, by slot
  std::map<int, std::deque<int>> coming;                     // by sender, in order
  for (int m = 0; m < static_cast<int>(all.messages.size()); ++m) {
    const Message& message = all.messages[m];
    if (message.to_rank == rank) {
      needed[message.to_slot].push_back(m);
      coming[message.from_rank].push_back(m);
    }
    if (message.from_rank == rank) made[message.from_slot].push_back(m);
  }
  std::vector<Action> actions;
  for (int slot = 0; slot < slots; ++slot) {
    for (int m : needed[slot]) {
      std::deque<int>& from = coming[all.messages[m].from_rank];
      while (!from.empty() && from.front() <= m) {
        actions.push_back({Action::kReceive, from.front()});
        from.pop_front();
      }
    }
    actions.push_back({Action::kRun, slot});
    for (int m : made[slot]) actions.push_back({Action::kSend, m});
  }
  return actions;
}

}  // namespace

absl::StatusOr<Communication> CommunicationOf(const Schedule& schedule, const SlotTimes& times,
                                              Sends sends) {
  SlotTimes positive = times;  // a slot that takes no time would start when it ends
  for (int64_t* time : {&positive.forward, &positive.backward_input, &positive.weight})
    *time = std::max<int64_t>(*time, 1);
  if (positive.overlapped == 0) positive.overlapped = 1;
  for (int64_t& scale : positive.chunk_scale) scale = std::max<int64_t>(scale, 1);
  STRATA_ASSIGN_OR_RETURN(const SlotTable table, SlotTable::Of(schedule));
  STRATA_ASSIGN_OR_RETURN(const auto replay, Replay(schedule, table, positive));
  const std::vector<Message> messages = MessagesOf(schedule, table);
  Communication all;
  all.actions.resize(schedule.slots.size());
  for (const Event& event : EventsOf(messages, replay)) {
    if (event.is_run) {
      all.actions[event.rank].push_back({Action::kRun, event.slot});
      continue;
    }
    const Message& message = messages[event.message];
    const int index = static_cast<int>(all.messages.size());
    all.messages.push_back(message);
    all.actions[message.from_rank].push_back({Action::kSend, index});
    all.actions[message.to_rank].push_back({Action::kReceive, index});
  }
  if (sends == Sends::kReturnAtOnce) {
    for (int rank = 0; rank < schedule.ranks; ++rank) {
      all.actions[rank] = LateActions(all, rank, static_cast<int>(schedule.slots[rank].size()));
    }
  }
  return all;
}

}  // namespace strata::schedule
