#include "courses/distributed/collectives_three_ways/measured.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>

#include "distributed/collective/algorithm_collectives.h"
#include "distributed/collective/tuner.h"
#include "distributed/transport/thread_transport.h"

namespace strata::courses {
namespace {

using Clock = std::chrono::steady_clock;
using distributed::AlgorithmCollectives;
using distributed::LinkModel;
using distributed::Transport;
using distributed::Verb;

// Many short runs: on a machine with other work a long one is never left alone.
constexpr int kRuns = 15, kFits = 8;
constexpr double kSecondsOfARun = 2e-4;

// The least of some fits, term by term.
absl::StatusOr<LinkModel> FitLink(int ranks) {
  LinkModel least = {1, 1, 1};
  STRATA_RETURN_IF_ERROR(
      distributed::RunThreadRanks(ranks, [&](Transport& transport) -> absl::Status {
        for (int fit = 0; fit < kFits; ++fit) {
          STRATA_ASSIGN_OR_RETURN(const LinkModel link, distributed::MeasureLink(transport));
          if (transport.rank() != 0) continue;
          least.alpha_seconds = std::min(least.alpha_seconds, link.alpha_seconds);
          least.beta_seconds_per_byte =
              std::min(least.beta_seconds_per_byte, link.beta_seconds_per_byte);
          least.gamma_seconds_per_byte =
              std::min(least.gamma_seconds_per_byte, link.gamma_seconds_per_byte);
        }
        return absl::OkStatus();
      }));
  return least;
}

absl::Status Do(AlgorithmCollectives& c, Verb verb, char* in, char* out, int64_t count) {
  switch (verb) {
    case Verb::kAllReduce:
      return c.AllReduce(in, count, chips::F32, compiler::Reduction::kMax);
    case Verb::kAllGather:
      return c.AllGather(in, out, count, chips::F32);
    default:
      return c.AllToAll(in, out, count, chips::F32);
  }
}

// One line at one place: the least of some runs, by rank 0's clock.
absl::StatusOr<double> Seconds(Transport& transport, AlgorithmCollectives& c, Verb verb,
                               int64_t count, int calls) {
  const size_t bytes = static_cast<size_t>(count * 4 * transport.size());
  std::vector<char> in(bytes), out(bytes);
  double least = 1e9;
  for (int run = 0; run < kRuns; ++run) {
    STRATA_RETURN_IF_ERROR(transport.Barrier());
    const auto start = Clock::now();
    for (int call = 0; call < calls; ++call)
      STRATA_RETURN_IF_ERROR(Do(c, verb, in.data(), out.data(), count));
    least = std::min(least, std::chrono::duration<double>(Clock::now() - start).count() / calls);
  }
  return least;
}

absl::Status MeasureLine(int ranks, const LinkModel& link, Race* race, Line* line) {
  return distributed::RunThreadRanks(ranks, [&](Transport& transport) -> absl::Status {
    AlgorithmCollectives::Options options;
    options.algorithm = line->name();
    options.tuning = TuningFor(distributed::Network::Uniform(link, ranks), ranks);
    AlgorithmCollectives c(transport, options);
    for (size_t at = 0; at < race->places(); ++at) {
      const int calls = std::clamp(static_cast<int>(kSecondsOfARun / line->model[at]), 1, 200);
      const int64_t count = CountOf(race->verb, race->bytes[at], ranks);
      STRATA_ASSIGN_OR_RETURN(const double seconds,
                              Seconds(transport, c, race->verb, count, calls));
      if (transport.rank() == 0) line->measured[at] = seconds;
    }
    return absl::OkStatus();
  });
}

}  // namespace

absl::StatusOr<Measurement> MeasureThreads(int ranks, const std::vector<int64_t>& bytes) {
  Measurement measurement;
  STRATA_ASSIGN_OR_RETURN(measurement.link, FitLink(ranks));
  const auto network = distributed::Network::Uniform(measurement.link, ranks);
  for (const Verb verb : {Verb::kAllReduce, Verb::kAllGather, Verb::kAllToAll}) {
    STRATA_ASSIGN_OR_RETURN(Race race, RaceOverSizes(network, verb, ranks, bytes));
    race.network = "threads";
    for (Line& line : race.lines) {
      if (std::isnan(line.model[0])) continue;
      STRATA_RETURN_IF_ERROR(MeasureLine(ranks, measurement.link, &race, &line));
    }
    measurement.races.push_back(std::move(race));
  }
  return measurement;
}

}  // namespace strata::courses
