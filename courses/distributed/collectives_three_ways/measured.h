// The first of the three ways: a clock. Collectives between threads of this machine, beside the formulas and the
// simulation of a link that was fitted to it.
#ifndef STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_MEASURED_H_
#define STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_MEASURED_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "courses/distributed/collectives_three_ways/race.h"
#include "distributed/collective/link_model.h"

namespace strata::courses {

struct Measurement {
  distributed::LinkModel link = {};  // fitted to threads here
  std::vector<Race> races = {};      // measured, modelled and simulated
};

// All-reduce, all-gather and all-to-all between so many threads; the least of a few runs. Takes seconds.
absl::StatusOr<Measurement> MeasureThreads(int ranks, const std::vector<int64_t>& bytes);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_MEASURED_H_
