// The pipeline zoo: nine schedules of one model on one pipeline, simulated, beside what their
// papers say.
//
//   STRATA_ASSIGN_OR_RETURN(const Zoo zoo, MakeZoo({.ranks = 4, .microbatches = 12}));
//   for (const Claim& claim : ClaimsOf(zoo)) ...
//
// A rank has the same share of the model in all of them: where it holds v chunks of 1 / v of that
// share, a chunk takes 1 / v of the time.
#ifndef STRATA_COURSES_DISTRIBUTED_PIPELINE_ZOO_ZOO_H_
#define STRATA_COURSES_DISTRIBUTED_PIPELINE_ZOO_ZOO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/timeline/timeline.pb.h"
#include "courses/lab/claims.h"
#include "distributed/schedule/closed_form.h"
#include "distributed/schedule/published.h"
#include "distributed/schedule/schedule.h"
#include "distributed/schedule/simulate.h"

namespace strata::courses {

// What is asked. Times are of a rank's share of the model, in any unit; multiples of 2.
struct ZooQuestion {
  int ranks = 4;          // even, at least 2
  int microbatches = 12;  // a multiple of ranks, at least 2 ranks
  int64_t forward = 12;
  int64_t backward_input = 12;
  int64_t weight = 12;
};

struct Animal {
  std::string name = {};   // "1f1b"
  std::string title = {};  // "1F1B"
  std::string idea = {};   // in a sentence
  schedule::Schedule schedule = {};
  schedule::SlotTimes times = {};  // of a chunk
  schedule::Simulation run = {};
  schedule::ClosedForm form = {};
  double activations = 0;  // most of a rank, in microbatches of a rank's share
  double parameters = 0;   // of a rank, in shares
  int messages = 0;        // between ranks, of a step
  int refused = 0;  // schedules with one slot less that the validator refused, naming its work
  int spoiled = 0;  // of so many
  // Of a paced run (paced.h), where one was made; else without events.
  chips::Timeline measured = {};
  int64_t unit_ns = 0;
};

// One schedule over numbers of microbatches, or over the time of a hop.
struct SweepLine {
  std::string name = {};
  std::string title = {};
  std::vector<int64_t> x = {};
  std::vector<int64_t> bubble = {};   // simulated, as the closed form counts it
  std::vector<int64_t> formula = {};  // closed form; empty over hops
  std::vector<double> fraction = {};  // of all time of all ranks
};

struct Comparison {
  schedule::PublishedRow row = {};
  schedule::Calibration fit = {};
  double predicted = 0;  // samples a GPU a second
};

struct Zoo {
  ZooQuestion question = {};
  std::vector<Animal> animals = {};
  std::vector<SweepLine> by_microbatches = {};
  std::vector<SweepLine> by_hop = {};  // in units of the question's times
  std::vector<Comparison> published = {};
};

// INVALID_ARGUMENT for a question that not all can answer.
absl::StatusOr<Zoo> MakeZoo(const ZooQuestion& question);

const Animal& AnimalOf(const Zoo& zoo, const std::string& name);

std::vector<Claim> ClaimsOf(const Zoo& zoo);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_PIPELINE_ZOO_ZOO_H_
