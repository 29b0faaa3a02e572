// A race: every algorithm of one collective over sizes or ranks, by the formula and by simulation.
//
//   STRATA_ASSIGN_OR_RETURN(const Race race, RaceOverSizes(network, Verb::kAllReduce, 16, {1024, 1 << 20}));
//   Winner(race, /*at=*/0, &Line::simulated)->algorithm->name;
//   for (const Crossover& each : CrossoversOf(race)) ...
#ifndef STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_RACE_H_
#define STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_RACE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "distributed/collective/algorithm.h"
#include "distributed/simulator/network.h"

namespace strata::courses {

// Seconds by place in the race; NaN where the algorithm is not for so many ranks, or was not measured.
struct Line {
  const distributed::Algorithm* algorithm = nullptr;
  std::vector<double> model = {};
  std::vector<double> simulated = {};
  std::vector<double> measured = {};

  std::string name() const { return std::string(algorithm->name); }
};

struct Race {
  std::string network = {};
  distributed::Verb verb = distributed::Verb::kAllReduce;
  std::vector<int> ranks = {};  // by place
  std::vector<int64_t> bytes =
      {};  // of the whole buffer: of all_gather and all_to_all, the pieces of all ranks
  std::vector<Line> lines = {};  // a row of the table each

  size_t places() const { return bytes.size(); }
};

// Elements of a call whose whole buffer has so many bytes: at least one.
int64_t CountOf(distributed::Verb verb, int64_t bytes, int ranks);

// What algorithms are told on this network: its slowest link for the formulas, its innermost groups as nodes, and
// blocks that never cut.
distributed::Tuning TuningFor(const distributed::Network& network, int ranks);

absl::StatusOr<Race> RaceOverSizes(const distributed::Network& network, distributed::Verb verb,
                                   int ranks, const std::vector<int64_t>& bytes);
absl::StatusOr<Race> RaceOverRanks(const distributed::Network& network, distributed::Verb verb,
                                   const std::vector<int>& ranks, int64_t bytes);

// The line that takes least there, of equal ones the first; by &Line::model, &Line::simulated or &Line::measured.
using Way = std::vector<double> Line::*;
const Line* Winner(const Race& race, size_t at, Way way);

// Of all lines at all places, the least and the greatest simulated time as a share of the formula's.
struct Agreement {
  double least = 1, greatest = 1;
  int points = 0;
};
// Of the pipelined trees, or of all others. Places with less than two elements a rank are left out: parts that are
// empty are not sent.
Agreement AgreementOf(const std::vector<const Race*>& races, bool trees);

// Two algorithms of which one is at least a tenth faster for the smallest size, and the other for the largest.
struct Crossover {
  std::string small, large;         // the names
  double model = 0, simulated = 0;  // bytes at which they take the same; NaN: they do not cross
};
std::vector<Crossover> CrossoversOf(const Race& race);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_RACE_H_
