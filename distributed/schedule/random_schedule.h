// Random valid schedules, for property tests here and beside.
#ifndef STRATA_DISTRIBUTED_SCHEDULE_RANDOM_SCHEDULE_H_
#define STRATA_DISTRIBUTED_SCHEDULE_RANDOM_SCHEDULE_H_

#include <random>

#include "distributed/schedule/schedule.h"

namespace strata::schedule {

// 1 to 4 ranks, 1 to 2 chunks a rank, 1 to 5 microbatches; some chunks held twice, some backwards
// split, the order any in which every slot comes after what it needs.
Schedule RandomSchedule(std::mt19937& random);

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_RANDOM_SCHEDULE_H_
