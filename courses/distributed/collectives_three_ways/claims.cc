#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "courses/distributed/collectives_three_ways/study.h"
#include "distributed/simulator/simulate_calls.h"

namespace strata::courses {
namespace {

using distributed::Cost;

constexpr double kExact = 0.01;       // of all but pipelined trees
constexpr double kTreesAhead = 0.97;  // of a formula that counts the steps of a common clock
constexpr double kNearBest = 1.05;

std::vector<const Race*> FlatRaces(const Study& study) {
  std::vector<const Race*> races;
  for (const std::vector<Race>* some : {&study.flat, &study.by_ranks, &study.region}) {
    for (const Race& race : *some) races.push_back(&race);
  }
  return races;
}

// The formula's terms of a line; the link's own do not matter to them, but to the chunks of trees.
Cost CostOf(const Race& race, const Line& line, size_t at) {
  const distributed::SimulatedCall call = {line.algorithm,
                                           CountOf(race.verb, race.bytes[at], race.ranks[at])};
  distributed::Tuning tuning;
  tuning.block_bytes = int64_t{1} << 40;
  return line.algorithm->cost(ShapeOf(call, race.ranks[at], tuning));
}

double Least(const Race& race, size_t at, double Cost::*term) {
  double least = INFINITY;
  for (const Line& line : race.lines) {
    if (!std::isnan(line.simulated[at])) least = std::min(least, CostOf(race, line, at).*term);
  }
  return least;
}

std::string NameRace(const Race& race) {
  return absl::StrCat(distributed::VerbName(race.verb), " of ", race.ranks[0]);
}

Claim BitsAreTheReferences(const Study& study) {
  Claim claim = {
      "What is moved, and sums of whole numbers, are the reference's to the bit, by every "
      "algorithm",
      !study.bits.empty(), ""};
  int differently = 0;
  for (const BitCheck& check : study.bits) {
    claim.holds &= check.equals_reference;
    differently += check.rounds_differently;
  }
  claim.evidence = absl::StrFormat(
      "%d algorithms and numbers of ranks; of fractions %d round otherwise than "
      "the reference, as they add in another order",
      study.bits.size(), differently);
  return claim;
}

Claim BitsAreTheSameEverywhere(const Study& study) {
  Claim claim = {"Sums that round are the same bits on all ranks, and in every run",
                 !study.bits.empty(), ""};
  for (const BitCheck& check : study.bits)
    claim.holds &= check.same_on_all_ranks && check.same_again;
  claim.evidence =
      absl::StrFormat("%d algorithms and numbers of ranks, run twice", study.bits.size());
  return claim;
}

Claim ModelIsSimulation(const Study& study) {
  const Agreement exact = AgreementOf(FlatRaces(study), /*trees=*/false);
  const Agreement trees = AgreementOf(FlatRaces(study), /*trees=*/true);
  return {
      "On links that are all alike, simulation and formula agree within 1 %; pipelined trees may "
      "be "
      "up to 3 % faster than their formula, never slower",
      exact.points > 0 && trees.points > 0 && exact.least >= 1 - kExact &&
          exact.greatest <= 1 + kExact && trees.least >= kTreesAhead &&
          trees.greatest <= 1 + kExact,
      absl::StrFormat("%d points from %.4f to %.4f of the formula; trees %d from %.3f to %.4f",
                      exact.points, exact.least, exact.greatest, trees.points, trees.least,
                      trees.greatest)};
}

Claim CrossoversAgree(const Study& study) {
  Claim claim = {
      "Where two algorithms change places, formula and simulation say the same "
      "size within a factor of two",
      true, ""};
  int crossovers = 0;
  double worst = 1;
  for (const Race& race : study.flat) {
    for (const Crossover& each : CrossoversOf(race)) {
      const double ratio = each.simulated / each.model;
      claim.holds &= ratio > 0.5 && ratio < 2;
      if (!std::isnan(ratio)) worst = std::max({worst, ratio, 1 / ratio});
      ++crossovers;
    }
  }
  claim.holds &= crossovers > 0;
  claim.evidence = absl::StrFormat("%d pairs, a factor of %.2f at most", crossovers, worst);
  return claim;
}

Claim SmallAndLarge(const Study& study) {
  Claim claim = {
      "The smallest size goes to an algorithm of the fewest messages, logarithmic like a tree, the "
      "largest to one of the fewest bytes, by formula and by simulation",
      true, ""};
  std::vector<std::string> winners;
  for (const Race& race : study.flat) {
    const size_t last = race.places() - 1;
    for (const Way way : {&Line::model, &Line::simulated}) {
      const Line& small = *Winner(race, 0, way);
      const Line& large = *Winner(race, last, way);
      claim.holds &= CostOf(race, small, 0).messages <= Least(race, 0, &Cost::messages);
      claim.holds &= CostOf(race, large, last).bytes <= 1.02 * Least(race, last, &Cost::bytes);
      if (way == &Line::simulated)
        winners.push_back(absl::StrCat(NameRace(race), ": ", small.name(), ", ", large.name()));
    }
  }
  claim.holds &= !winners.empty();
  claim.evidence = absl::StrJoin(winners, "; ");
  return claim;
}

Claim PicksAreNearTheBest(const Study& study) {
  Claim claim = {"Who picks by the formula is within 5 % of the best that can be simulated", true,
                 ""};
  int picks = 0;
  double worst = 1;
  for (const Race* race : FlatRaces(study)) {
    for (size_t at = 0; at < race->places(); ++at, ++picks) {
      const double best = Winner(*race, at, &Line::simulated)->simulated[at];
      worst = std::max(worst, Winner(*race, at, &Line::model)->simulated[at] / best);
    }
  }
  claim.holds = picks > 0 && worst <= kNearBest;
  claim.evidence =
      absl::StrFormat("%d calls, %.1f %% from the best at most", picks, 100 * (worst - 1));
  return claim;
}

Claim NodesNeedLevels(const Study& study) {
  Claim claim = {
      "Between nodes, large data goes hierarchically; a formula with one link for "
      "all does not see it and loses a fifth or more",
      study.nodes.size() == 3, ""};
  std::vector<std::string> losses;
  for (const Race& race : study.nodes) {
    const size_t last = race.places() - 1;
    const Line& best = *Winner(race, last, &Line::simulated);
    const Line& pick = *Winner(race, last, &Line::model);
    const double loss = pick.simulated[last] / best.simulated[last];
    claim.holds &= best.name() == "hierarchical" && loss > 1.2;
    losses.push_back(
        absl::StrFormat("%s: %s takes %.1f times as long", NameRace(race), pick.name(), loss));
  }
  claim.evidence = absl::StrJoin(losses, "; ");
  return claim;
}

}  // namespace

std::vector<Claim> ClaimsOf(const Study& study) {
  return {BitsAreTheReferences(study), BitsAreTheSameEverywhere(study),
          ModelIsSimulation(study),    CrossoversAgree(study),
          SmallAndLarge(study),        PicksAreNearTheBest(study),
          NodesNeedLevels(study)};
}

}  // namespace strata::courses
