#include "distributed/moe/expert_placement.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <queue>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

absl::Status Check(absl::Span<const double> loads, int ranks, int slots_per_rank) {
  if (loads.empty() || ranks < 1 || slots_per_rank < 1) {
    return absl::InvalidArgumentError(absl::StrCat("places ", loads.size(), " experts on ", ranks,
                                                   " ranks of ", slots_per_rank,
                                                   " slots; all must be at least 1"));
  }
  const int64_t slots = static_cast<int64_t>(ranks) * slots_per_rank;
  if (slots > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(absl::StrCat("slots_per_rank: ", ranks, " ranks of ",
                                                   slots_per_rank,
                                                   " slots are more than an i32 numbers"));
  }
  if (slots < static_cast<int64_t>(loads.size())) {
    return absl::InvalidArgumentError(absl::StrCat("slots_per_rank: ", ranks, " ranks of ",
                                                   slots_per_rank, " slots have no room for ",
                                                   loads.size(), " experts"));
  }
  for (size_t e = 0; e < loads.size(); ++e) {
    if (std::isfinite(loads[e]) && loads[e] >= 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("loads[", e, "]: is ", loads[e], "; must be a number of at least 0"));
  }
  return absl::OkStatus();
}

// How many slots each expert gets: one each, then always one more for the expert whose slots carry most. The largest
// load of a slot is then as small as it can be: any other way leaves an expert with fewer slots than it has here, so
// with a load a slot that was the largest at some step, and the largest never grows from step to step.
std::vector<int> CountReplicas(absl::Span<const double> loads, int slots) {
  std::vector<int> counts(loads.size(), 1);
  using Entry = std::pair<double, int>;  // load a slot, then the lower index first
  std::priority_queue<Entry> hottest;
  for (size_t e = 0; e < loads.size(); ++e) hottest.push({loads[e], -static_cast<int>(e)});
  for (int spare = slots - static_cast<int>(loads.size()); spare > 0; --spare) {
    const size_t e = static_cast<size_t>(-hottest.top().second);
    hottest.pop();
    hottest.push({loads[e] / ++counts[e], -static_cast<int>(e)});
  }
  return counts;
}

struct Slot {
  int expert;
  double load;
};

std::vector<Slot> SortedSlots(absl::Span<const double> loads, const std::vector<int>& counts) {
  std::vector<Slot> slots;
  for (size_t e = 0; e < loads.size(); ++e)
    slots.insert(slots.end(), static_cast<size_t>(counts[e]),
                 {static_cast<int>(e), loads[e] / counts[e]});
  std::stable_sort(slots.begin(), slots.end(),
                   [](const Slot& a, const Slot& b) { return a.load > b.load; });
  return slots;
}

struct Rank {
  double load = 0;
  std::vector<Slot> slots;

  bool Has(int expert) const {
    return std::any_of(slots.begin(), slots.end(),
                       [&](const Slot& slot) { return slot.expert == expert; });
  }
};

// In rounds: of the next #ranks slots the largest goes to the least busy rank, and so on. Two ranks i, j that differ by d
// with the less busy i getting the larger slot differ afterwards by at most max(d, slot_i - slot_j).
std::vector<Rank> Pack(const std::vector<Slot>& slots, int ranks) {
  std::vector<Rank> packed(static_cast<size_t>(ranks));
  std::vector<size_t> order(packed.size());
  for (size_t first = 0; first < slots.size(); first += order.size()) {
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return packed[a].load < packed[b].load; });
    for (size_t i = 0; i < order.size(); ++i) {
      packed[order[i]].slots.push_back(slots[first + i]);
      packed[order[i]].load += slots[first + i].load;
    }
  }
  return packed;
}

// Of two slots that may change places: how good that is. Never makes the busier of the two ranks busier.
struct Exchange {
  size_t other = 0, mine_at = 0, other_at = 0;
  bool found = false;
  double busier = 0;  // the load of the busier rank afterwards
};

bool Repeats(const Rank& rank, size_t leaving, int coming) {
  for (size_t i = 0; i < rank.slots.size(); ++i) {
    if (i != leaving && rank.slots[i].expert == coming) return true;
  }
  return false;
}

// The best exchange of slot `at` of `mine` with one of another rank; both ranks end at or below `limit`, and neither gets
// an expert that it has.
void FindExchange(const std::vector<Rank>& packed, size_t mine, size_t at, double limit,
                  Exchange* best) {
  const Slot& slot = packed[mine].slots[at];
  for (size_t other = 0; other < packed.size(); ++other) {
    if (other == mine) continue;
    for (size_t i = 0; i < packed[other].slots.size(); ++i) {
      const Slot& candidate = packed[other].slots[i];
      if (candidate.expert == slot.expert || Repeats(packed[other], i, slot.expert) ||
          Repeats(packed[mine], at, candidate.expert))
        continue;
      const double moved = slot.load - candidate.load;
      const double busier = std::max(packed[mine].load - moved, packed[other].load + moved);
      if (busier > limit || (best->found && busier >= best->busier)) continue;
      *best = {other, at, i, true, busier};
    }
  }
}

void Apply(const Exchange& exchange, size_t mine, std::vector<Rank>* packed) {
  Rank &a = (*packed)[mine], &b = (*packed)[exchange.other];
  Slot &x = a.slots[exchange.mine_at], &y = b.slots[exchange.other_at];
  const double moved = x.load - y.load;
  std::swap(x, y);
  a.load -= moved;
  b.load += moved;
}

double Busiest(const std::vector<Rank>& packed) {
  return std::max_element(packed.begin(), packed.end(),
                          [](const Rank& a, const Rank& b) { return a.load < b.load; })
      ->load;
}

// An expert twice on a rank does not share its load: one of the two goes elsewhere, if that makes no rank busier than
// the busiest.
void SpreadReplicas(std::vector<Rank>* packed) {
  for (size_t r = 0; r < packed->size(); ++r) {
    for (size_t at = 0; at < (*packed)[r].slots.size(); ++at) {
      if (!Repeats((*packed)[r], at, (*packed)[r].slots[at].expert)) continue;
      Exchange exchange;
      FindExchange(*packed, r, at, Busiest(*packed), &exchange);
      if (exchange.found) Apply(exchange, r, packed);
    }
  }
}

// Exchanges of the busiest rank that relieve it, the best first.
void RelieveBusiest(std::vector<Rank>* packed) {
  const size_t most = packed->size() * packed->front().slots.size();
  for (size_t step = 0; step < most; ++step) {
    const size_t busiest = static_cast<size_t>(
        std::max_element(packed->begin(), packed->end(),
                         [](const Rank& a, const Rank& b) { return a.load < b.load; }) -
        packed->begin());
    const double load = (*packed)[busiest].load;
    Exchange exchange;
    for (size_t at = 0; at < (*packed)[busiest].slots.size(); ++at)
      FindExchange(*packed, busiest, at, load * (1 - 1e-12), &exchange);
    if (!exchange.found) return;
    Apply(exchange, busiest, packed);
  }
}

ExpertPlacement PlacementOf(const std::vector<Rank>& packed, size_t experts) {
  ExpertPlacement placement;
  placement.ranks = static_cast<int>(packed.size());
  placement.slots_per_rank = static_cast<int>(packed.front().slots.size());
  placement.replicas.resize(experts);
  for (const Rank& rank : packed) {
    for (const Slot& slot : rank.slots) {
      placement.replicas[static_cast<size_t>(slot.expert)].push_back(
          static_cast<int>(placement.expert.size()));
      placement.expert.push_back(slot.expert);
    }
  }
  return placement;
}

std::vector<int> Counts(const ExpertPlacement& placement) {
  std::vector<int> counts;
  for (const std::vector<int>& slots : placement.replicas)
    counts.push_back(static_cast<int>(slots.size()));
  return counts;
}

}  // namespace

absl::StatusOr<ExpertPlacement> PlaceExperts(absl::Span<const double> loads, int ranks,
                                             int slots_per_rank) {
  STRATA_RETURN_IF_ERROR(Check(loads, ranks, slots_per_rank));
  std::vector<Rank> packed =
      Pack(SortedSlots(loads, CountReplicas(loads, ranks * slots_per_rank)), ranks);
  SpreadReplicas(&packed);
  RelieveBusiest(&packed);
  return PlacementOf(packed, loads.size());
}

absl::StatusOr<ExpertPlacement> ContiguousPlacement(int experts, int ranks) {
  if (experts < 1 || ranks < 1 || experts % ranks != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("ranks: is ", ranks, "; must divide the ", experts, " experts"));
  }
  std::vector<Rank> packed(static_cast<size_t>(ranks));
  for (int e = 0; e < experts; ++e)
    packed[static_cast<size_t>(e / (experts / ranks))].slots.push_back({e, 0.0});
  return PlacementOf(packed, static_cast<size_t>(experts));
}

std::vector<double> RankLoads(const ExpertPlacement& placement, absl::Span<const double> loads) {
  std::vector<double> ranks(static_cast<size_t>(placement.ranks), 0.0);
  for (size_t slot = 0; slot < placement.expert.size(); ++slot) {
    const size_t e = static_cast<size_t>(placement.expert[slot]);
    ranks[static_cast<size_t>(placement.RankOf(static_cast<int>(slot)))] +=
        loads[e] / static_cast<double>(placement.replicas[e].size());
  }
  return ranks;
}

double PlacementSpread(const ExpertPlacement& placement, absl::Span<const double> loads) {
  const std::vector<Slot> slots = SortedSlots(loads, Counts(placement));
  const size_t ranks = static_cast<size_t>(placement.ranks);
  double spread = 0;
  for (size_t first = 0; first + ranks <= slots.size(); first += ranks)
    spread = std::max(spread, slots[first].load - slots[first + ranks - 1].load);
  return spread;
}

int SlotFor(const ExpertPlacement& placement, int expert, int sender, int turn) {
  const std::vector<int>& slots = placement.replicas[static_cast<size_t>(expert)];
  return slots[static_cast<size_t>(sender + turn) % slots.size()];
}

}  // namespace strata::distributed
