#include "courses/distributed/collectives_three_ways/race.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "distributed/collective/algorithm_table.h"
#include "distributed/simulator/simulate_calls.h"

namespace strata::courses {
namespace {

using distributed::Algorithm;
using distributed::AlgorithmTable;
using distributed::Network;
using distributed::SimulatedCall;
using distributed::Tuning;
using distributed::Verb;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kNeverCut = int64_t{1} << 40;

Race EmptyRace(const Network& network, Verb verb, std::vector<int> ranks,
               std::vector<int64_t> bytes) {
  Race race = {.network = network.name(), .verb = verb, .ranks = ranks, .bytes = bytes};
  const std::vector<double> nothing(bytes.size(), kNaN);
  for (const Algorithm& row : AlgorithmTable()) {
    if (row.verb == verb) race.lines.push_back({&row, nothing, nothing, nothing});
  }
  return race;
}

// All lines at these places, which have the same number of ranks.
absl::Status RunAt(const Network& network, const std::vector<size_t>& places, Race* race) {
  const int ranks = race->ranks[places[0]];
  const Tuning tuning = TuningFor(network, ranks);
  std::vector<SimulatedCall> calls;
  std::vector<std::pair<Line*, size_t>> slots;
  for (Line& line : race->lines) {
    if (!line.algorithm->takes(ranks, tuning)) continue;
    for (size_t at : places) {
      const SimulatedCall call = {line.algorithm, CountOf(race->verb, race->bytes[at], ranks)};
      line.model[at] = line.algorithm->cost(ShapeOf(call, ranks, tuning)).Seconds(tuning.link);
      calls.push_back(call);
      slots.push_back({&line, at});
    }
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<double> seconds,
                          distributed::SimulateCalls(network, ranks, calls, tuning));
  for (size_t k = 0; k < slots.size(); ++k) slots[k].first->simulated[slots[k].second] = seconds[k];
  return absl::OkStatus();
}

// Where log(a / b) goes through 0, between places on a logarithmic scale.
double Crossing(const std::vector<int64_t>& bytes, const std::vector<double>& a,
                const std::vector<double>& b) {
  for (size_t at = 0; at + 1 < bytes.size(); ++at) {
    const double here = std::log(a[at] / b[at]), next = std::log(a[at + 1] / b[at + 1]);
    if (!(here <= 0 && next > 0)) continue;
    const double share = here / (here - next);
    const double low = static_cast<double>(bytes[at]), high = static_cast<double>(bytes[at + 1]);
    return low * std::pow(high / low, share);
  }
  return kNaN;
}

}  // namespace

int64_t CountOf(Verb verb, int64_t bytes, int ranks) {
  const bool whole = verb == Verb::kAllReduce || verb == Verb::kBroadcast || verb == Verb::kReduce;
  return std::max<int64_t>(1, bytes / 4 / (whole ? 1 : ranks));
}

Tuning TuningFor(const Network& network, int ranks) {
  Tuning tuning = {.link = network.SlowestLink(ranks), .block_bytes = kNeverCut};
  const int64_t node = network.level_ranks(0);
  if (node > 1 && node < ranks) tuning.ranks_per_node = static_cast<int>(node);
  return tuning;
}

absl::StatusOr<Race> RaceOverSizes(const Network& network, Verb verb, int ranks,
                                   const std::vector<int64_t>& bytes) {
  Race race = EmptyRace(network, verb, std::vector<int>(bytes.size(), ranks), bytes);
  std::vector<size_t> places;
  for (size_t at = 0; at < bytes.size(); ++at) places.push_back(at);
  STRATA_RETURN_IF_ERROR(RunAt(network, places, &race));
  return race;
}

absl::StatusOr<Race> RaceOverRanks(const Network& network, Verb verb, const std::vector<int>& ranks,
                                   int64_t bytes) {
  Race race = EmptyRace(network, verb, ranks, std::vector<int64_t>(ranks.size(), bytes));
  for (size_t at = 0; at < ranks.size(); ++at) STRATA_RETURN_IF_ERROR(RunAt(network, {at}, &race));
  return race;
}

const Line* Winner(const Race& race, size_t at, Way way) {
  const Line* best = nullptr;
  for (const Line& line : race.lines) {
    const double seconds = (line.*way)[at];
    if (std::isnan(seconds)) continue;
    if (best == nullptr || seconds < (best->*way)[at] * (1 - 1e-9)) best = &line;
  }
  return best;
}

Agreement AgreementOf(const std::vector<const Race*>& races, bool trees) {
  Agreement agreement;
  for (const Race* race : races) {
    for (const Line& line : race->lines) {
      if ((line.name() == "tree" || line.name() == "double_tree") != trees) continue;
      for (size_t at = 0; at < race->places(); ++at) {
        const double share = line.simulated[at] / line.model[at];
        if (std::isnan(share) || race->bytes[at] < 8 * race->ranks[at]) continue;
        agreement.least = std::min(agreement.least, share);
        agreement.greatest = std::max(agreement.greatest, share);
        ++agreement.points;
      }
    }
  }
  return agreement;
}

std::vector<Crossover> CrossoversOf(const Race& race) {
  std::vector<Crossover> all;
  for (const Line& a : race.lines) {
    for (const Line& b : race.lines) {
      if (!(a.model.front() * 1.1 < b.model.front() && b.model.back() * 1.1 < a.model.back()))
        continue;
      all.push_back({a.name(), b.name(), Crossing(race.bytes, a.model, b.model),
                     Crossing(race.bytes, a.simulated, b.simulated)});
    }
  }
  return all;
}

}  // namespace strata::courses
