#include "distributed/schedule/messages.h"

#include <map>
#include <random>
#include <set>
#include <utility>

#include "base/status_matchers.h"
#include "distributed/schedule/random_schedule.h"
#include "distributed/schedule/schedules.h"
#include "distributed/schedule/slot_table.h"

namespace strata::schedule {
namespace {

// Runs the actions where a send and its receive happen at once or not at all, the strictest
// transport, and checks that a slot has all it needs. Returns whether all ranks came to their end.
bool RunsWithoutBuffers(const Schedule& schedule, const Communication& all) {
  const auto table = SlotTable::Of(schedule);
  EXPECT_OK(table);
  std::vector<size_t> next(all.actions.size());
  std::set<std::pair<int, int>> ran;       // rank, slot
  std::set<std::pair<int, int>> received;  // rank, message
  std::map<std::pair<int, int>, int> made_by;
  for (int i = 0; i < static_cast<int>(all.messages.size()); ++i) {
    const Message& m = all.messages[i];
    made_by[{m.to_rank, m.to_slot}] = i;
  }
  const auto at = [&](int rank) -> const Action* {
    return next[rank] < all.actions[rank].size() ? &all.actions[rank][next[rank]] : nullptr;
  };
  for (bool moved = true; moved;) {
    moved = false;
    for (int rank = 0; rank < static_cast<int>(next.size()); ++rank) {
      const Action* action = at(rank);
      if (action == nullptr || action->kind == Action::kReceive) continue;
      if (action->kind == Action::kRun) {
        for (const SlotPlace& need : table->Needs(rank, action->index)) {
          if (need.rank == rank) {
            EXPECT_TRUE(ran.count({rank, need.index}));
          } else {
            EXPECT_TRUE(received.count({rank, made_by[{rank, action->index}]}));
          }
        }
        ran.insert({rank, action->index});
      } else {
        const Message& message = all.messages[action->index];
        EXPECT_EQ(message.from_rank, rank);
        EXPECT_TRUE(ran.count({rank, message.from_slot}));
        const Action* peer = at(message.to_rank);
        if (peer == nullptr || *peer != Action{Action::kReceive, action->index}) continue;
        received.insert({message.to_rank, action->index});
        ++next[message.to_rank];
      }
      ++next[rank];
      moved = true;
    }
  }
  for (int rank = 0; rank < static_cast<int>(next.size()); ++rank) {
    if (next[rank] < all.actions[rank].size()) return false;
  }
  return true;
}

// Runs the actions where sends return at once, and checks that what comes from a rank is what is
// due.
bool RunsWithBuffers(const Schedule& schedule, const Communication& all) {
  const auto table = SlotTable::Of(schedule);
  EXPECT_OK(table);
  std::vector<size_t> next(all.actions.size());
  std::map<std::pair<int, int>, std::vector<int>> channels;  // from, to
  std::map<std::pair<int, int>, size_t> taken;
  std::set<std::pair<int, int>> has;  // rank, place of a slot's result on its own rank
  const auto key = [](const SlotPlace& place) { return place.rank * 100000 + place.index; };
  for (bool moved = true; moved;) {
    moved = false;
    for (int rank = 0; rank < static_cast<int>(next.size()); ++rank) {
      if (next[rank] == all.actions[rank].size()) continue;
      const Action& action = all.actions[rank][next[rank]];
      if (action.kind == Action::kRun) {
        for (const SlotPlace& need : table->Needs(rank, action.index))
          EXPECT_TRUE(has.count({rank, key(need)}));
        has.insert({rank, key({rank, action.index})});
      } else {
        const Message& m = all.messages[action.index];
        auto& channel = channels[{m.from_rank, m.to_rank}];
        if (action.kind == Action::kSend) {
          EXPECT_TRUE(has.count({rank, key({m.from_rank, m.from_slot})}));
          channel.push_back(action.index);
        } else {
          size_t& front = taken[{m.from_rank, m.to_rank}];
          if (front == channel.size()) continue;
          EXPECT_EQ(channel[front++], action.index);
          has.insert({rank, key({m.from_rank, m.from_slot})});
        }
      }
      ++next[rank];
      moved = true;
    }
  }
  for (int rank = 0; rank < static_cast<int>(next.size()); ++rank) {
    if (next[rank] < all.actions[rank].size()) return false;
  }
  return true;
}

// Every slot once and in order; every message sent and received once.
void ExpectWhole(const Schedule& schedule, const Communication& all) {
  std::vector<int> sent(all.messages.size()), received(all.messages.size());
  ASSERT_EQ(all.actions.size(), schedule.slots.size());
  for (size_t rank = 0; rank < all.actions.size(); ++rank) {
    int next = 0;
    for (const Action& action : all.actions[rank]) {
      if (action.kind == Action::kRun) {
        EXPECT_EQ(action.index, next++);
      } else {
        ++(action.kind == Action::kSend ? sent : received)[action.index];
      }
    }
    EXPECT_EQ(next, static_cast<int>(schedule.slots[rank].size()));
  }
  EXPECT_EQ(sent, std::vector<int>(sent.size(), 1));
  EXPECT_EQ(received, sent);
  for (const Message& m : all.messages) {
    const Slot& from = schedule.slots[m.from_rank][m.from_slot];
    const Slot& to = schedule.slots[m.to_rank][m.to_slot];
    EXPECT_EQ(from.microbatch, m.microbatch);
    EXPECT_EQ(to.microbatch, m.microbatch);
    EXPECT_EQ(from.chunk, m.from_chunk);
    EXPECT_EQ(to.chunk, m.to_chunk);
    EXPECT_EQ(m.to_chunk - m.from_chunk, m.kind == SlotKind::kForward ? 1 : -1);
    EXPECT_NE(m.from_rank, m.to_rank);
  }
}

TEST(MessagesTest, EveryScheduleRunsWithoutBuffers) {
  for (const std::string& name : ScheduleNames()) {
    for (int ranks : {1, 2, 3, 4, 6, 8}) {
      for (int microbatches : {1, 3, 8, 16, 24}) {
        const auto schedule = MakeSchedule(name, {.ranks = ranks, .microbatches = microbatches});
        if (!schedule.ok()) continue;
        // Any times will do: they only choose among orders.
        for (const SlotTimes& times :
             {SlotTimes(), SlotTimes{.forward = 7, .backward_input = 3, .weight = 0, .hop = 5}}) {
          const auto all = CommunicationOf(*schedule, times);
          ASSERT_OK(all);
          ExpectWhole(*schedule, *all);
          EXPECT_TRUE(RunsWithoutBuffers(*schedule, *all)) << name << " " << ranks;
          EXPECT_TRUE(RunsWithBuffers(*schedule, *all)) << name << " " << ranks;
          const auto late = CommunicationOf(*schedule, times, Sends::kReturnAtOnce);
          ASSERT_OK(late);
          EXPECT_EQ(late->messages, all->messages);
          ExpectWhole(*schedule, *late);
          EXPECT_TRUE(RunsWithBuffers(*schedule, *late)) << name << " " << ranks;
          // Of a step, each hop between ranks carries a microbatch once each way.
          const bool folded = name == "zb_v" || name == "dualpipe_v";
          const int hops = ranks == 1 ? 0 : schedule->chunks - 1 - (folded ? 1 : 0);
          EXPECT_EQ(static_cast<int>(all->messages.size()), 2 * microbatches * hops) << name;
        }
      }
    }
  }
}

TEST(MessagesTest, RandomSchedulesRunWithoutBuffers) {
  std::mt19937 random(2);
  for (int i = 0; i < 300; ++i) {
    const Schedule schedule = RandomSchedule(random);
    const auto all = CommunicationOf(schedule);
    ASSERT_OK(all);
    ExpectWhole(schedule, *all);
    ASSERT_TRUE(RunsWithoutBuffers(schedule, *all)) << i;
    const auto late = CommunicationOf(schedule, {}, Sends::kReturnAtOnce);
    ASSERT_OK(late);
    ExpectWhole(schedule, *late);
    ASSERT_TRUE(RunsWithBuffers(schedule, *late)) << i;
  }
}

TEST(MessagesTest, OrderOfATinyPipeline) {
  const auto schedule = MakeSchedule("1f1b", {.ranks = 2, .microbatches = 2});
  ASSERT_OK(schedule);
  const auto all = CommunicationOf(*schedule);
  ASSERT_OK(all);
  ASSERT_EQ(all->messages.size(), 4u);
  // Rank 0: F0 F1 BW0 BW1. Rank 1: F0 BW0 F1 BW1.
  EXPECT_EQ(all->messages[0], (Message{SlotKind::kForward, 0, 0, 1, 0, 1, 0, 0}));
  EXPECT_EQ(all->messages[1], (Message{SlotKind::kForward, 1, 0, 1, 0, 1, 1, 2}));
  EXPECT_EQ(all->messages[2], (Message{SlotKind::kBackward, 0, 1, 0, 1, 0, 1, 2}));
  const auto run = [](int slot) { return Action{Action::kRun, slot}; };
  const auto send = [](int message) { return Action{Action::kSend, message}; };
  const auto receive = [](int message) { return Action{Action::kReceive, message}; };
  EXPECT_EQ(all->actions[0], (std::vector<Action>{run(0), send(0), run(1), send(1), receive(2),
                                                  run(2), receive(3), run(3)}));
  EXPECT_EQ(all->actions[1], (std::vector<Action>{receive(0), run(0), receive(1), run(1), send(2),
                                                  run(2), run(3), send(3)}));
}

TEST(MessagesTest, AReceiveIsLateWhereSendsReturnAtOnce) {
  const auto schedule = MakeSchedule("1f1b", {.ranks = 2, .microbatches = 2});
  ASSERT_OK(schedule);
  const auto all = CommunicationOf(*schedule, {}, Sends::kReturnAtOnce);
  ASSERT_OK(all);
  // Of rank 1: the second microbatch is taken in when its forward is due, not while the first goes
  // back.
  EXPECT_EQ(all->actions[1], (std::vector<Action>{{Action::kReceive, 0},
                                                  {Action::kRun, 0},
                                                  {Action::kRun, 1},
                                                  {Action::kSend, 2},
                                                  {Action::kReceive, 1},
                                                  {Action::kRun, 2},
                                                  {Action::kRun, 3},
                                                  {Action::kSend, 3}}));
}

TEST(MessagesTest, ADeadlockIsAnError) {
  auto schedule = MakeSchedule("1f1b", {.ranks = 2, .microbatches = 2});
  ASSERT_OK(schedule);
  std::swap(schedule->slots[0][1], schedule->slots[0][2]);
  std::swap(schedule->slots[1][1], schedule->slots[1][2]);
  EXPECT_THAT(CommunicationOf(*schedule),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("deadlock")));
}

}  // namespace
}  // namespace strata::schedule
