// Mistakes that are made in parallel training, made on purpose: a collective left out of a rank's graph, or one that
// averages where it must add. What becomes of loss, gradients and updates.
#ifndef STRATA_COURSES_DISTRIBUTED_PARALLELISM_EQUIVALENCE_MISTAKES_H_
#define STRATA_COURSES_DISTRIBUTED_PARALLELISM_EQUIVALENCE_MISTAKES_H_

#include <string>
#include <vector>

#include "base/status.h"

namespace strata::courses {

struct Mistake {
  std::string plan = {};   // "tp2"
  std::string what = {};   // "left out", "mean for sum"
  std::string where = {};  // the collective and the model line it serves
  double loss = 0;         // how far the loss is off, relative to it
  double gradient = 0;     // how far the worst gradient is off, relative to its largest element
  std::string worst = {};  // which
  double update = 0;       // the same of updated parameters and moments
};

// Every all_reduce of the tiny GPT's step under data parallelism and under Megatron's tensor parallelism, spoiled one at
// a time, on two ranks in lockstep, but those of the keys' biases, whose gradients are 0 whatever one does. The first of
// each plan is without a mistake: `what` is "none".
absl::StatusOr<std::vector<Mistake>> MakeMistakes();

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_PARALLELISM_EQUIVALENCE_MISTAKES_H_
