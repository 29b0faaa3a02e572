// Activations in flight: what a rank keeps of forward passes until the backward passes have used
// it.
//
//   std::vector<double> peaks = PeakActivations(schedule);     // by rank, in chunks
//
// F of a chunk adds one; the slot that makes the gradients of the weights (BACKWARD or WEIGHT)
// takes it off; BACKWARD_INPUT takes off what W does not need. The peak depends on the order of a
// rank's slots alone, not on time.
#ifndef STRATA_DISTRIBUTED_SCHEDULE_ACTIVATIONS_H_
#define STRATA_DISTRIBUTED_SCHEDULE_ACTIVATIONS_H_

#include <vector>

#include "distributed/schedule/schedule.h"

namespace strata::schedule {

// `kept_for_weight`, in [0, 1]: the part of a chunk's activations that stays between B and W. 1 is
// the papers' count (their peaks are those before B).
std::vector<double> PeakActivations(const Schedule& schedule, double kept_for_weight = 1);

// How many chunks a rank's share of the model is: #chunks / #ranks. A peak in chunks over this is a
// peak in units of one microbatch's activations of 1 / #ranks of the model, as papers count.
double ChunksOfShare(const Schedule& schedule);

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_ACTIVATIONS_H_
