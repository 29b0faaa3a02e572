#include "distributed/schedule/random_schedule.h"

#include <vector>

namespace strata::schedule {
namespace {

int Below(std::mt19937& random, int bound) {
  return static_cast<int>(random() % static_cast<unsigned>(bound));
}

// A microbatch on its way: `done` of the chunks forward, then back; W of what was split when it
// likes.
struct Traveller {
  std::vector<int> ranks;  // by chunk
  std::vector<bool> split;
  int forwards = 0;
  int backwards = 0;
  std::vector<Slot> weights;  // B is done, W is not
};

// One of what the microbatch can do next, appended to its rank.
bool Step(int microbatch, std::mt19937& random, Traveller* at, Schedule* schedule) {
  const int chunks = schedule->chunks;
  const bool moves = at->backwards < chunks;
  if (!moves && at->weights.empty()) return false;
  if (!at->weights.empty() && (!moves || Below(random, 3) == 0)) {
    const int pick = Below(random, static_cast<int>(at->weights.size()));
    const Slot weight = at->weights[pick];
    schedule->slots[at->ranks[weight.chunk]].push_back(weight);
    at->weights.erase(at->weights.begin() + pick);
    return true;
  }
  if (at->forwards < chunks) {
    const int chunk = at->forwards++;
    schedule->slots[at->ranks[chunk]].push_back({SlotKind::kForward, microbatch, chunk});
    return true;
  }
  const int chunk = chunks - 1 - at->backwards++;
  const SlotKind kind = at->split[chunk] ? SlotKind::kBackwardInput : SlotKind::kBackward;
  schedule->slots[at->ranks[chunk]].push_back({kind, microbatch, chunk});
  if (at->split[chunk]) at->weights.push_back({SlotKind::kWeight, microbatch, chunk});
  return true;
}

}  // namespace

Schedule RandomSchedule(std::mt19937& random) {
  Schedule schedule;
  schedule.name = "random";
  schedule.ranks = 1 + Below(random, 4);
  schedule.chunks = schedule.ranks * (1 + Below(random, 2));
  schedule.microbatches = 1 + Below(random, 5);
  schedule.slots.resize(schedule.ranks);
  std::vector<std::vector<int>> holders(schedule.chunks);
  for (int chunk = 0; chunk < schedule.chunks; ++chunk) {
    holders[chunk] = {chunk % schedule.ranks};  // so that every rank has one
    if (Below(random, 4) == 0) holders[chunk].push_back(Below(random, schedule.ranks));
  }
  std::vector<Traveller> travellers(schedule.microbatches);
  for (int m = 0; m < schedule.microbatches; ++m) {
    for (const std::vector<int>& ranks : holders) {
      // The first microbatch goes the way that leaves no rank without work.
      travellers[m].ranks.push_back(
          ranks[m == 0 ? 0 : Below(random, static_cast<int>(ranks.size()))]);
      travellers[m].split.push_back(Below(random, 2) == 0);
    }
  }
  std::vector<int> going;
  for (int m = 0; m < schedule.microbatches; ++m) going.push_back(m);
  while (!going.empty()) {
    const int pick = Below(random, static_cast<int>(going.size()));
    if (!Step(going[pick], random, &travellers[going[pick]], &schedule))
      going.erase(going.begin() + pick);
  }
  return schedule;
}

}  // namespace strata::schedule
