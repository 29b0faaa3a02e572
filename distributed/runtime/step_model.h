// StepModel: what a step will send and hold on a rank, by formula from its programs, before anything runs. The
// equivalence matrix compares both with what was measured.
//
//   STRATA_ASSIGN_OR_RETURN(const StepModel model, ModelOf(programs, "ring"));
//
// Traffic: the sum over collectives of the algorithm's formula (distributed/collective/algorithm.h), times how often the
// schedule runs the program, and the messages of the pipeline. Memory: what stays (state, gradient sums, batch), and on
// top the most of any moment: activations that the schedule keeps, and the program that runs (program_memory.h).
#ifndef STRATA_DISTRIBUTED_RUNTIME_STEP_MODEL_H_
#define STRATA_DISTRIBUTED_RUNTIME_STEP_MODEL_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "distributed/runtime/rank_programs.h"

namespace strata::distributed {

struct StepModel {
  // An algorithm's formula counts what all ranks of a group send; a rank has an equal share of it. The sum over ranks is
  // exact.
  double wire_bytes = 0;

  int64_t state_bytes = 0;     // parameters and optimizer state
  int64_t gradient_bytes = 0;  // sums over microbatches
  int64_t batch_bytes = 0;
  int64_t activation_bytes = 0;  // kept between slots, at most
  int64_t peak_bytes = 0;        // all together, in the fullest moment
};

// `algorithm` as given to the collectives: a name of the algorithm table. NOT_FOUND for others, "auto" among them, whose
// choices are made at run time.
absl::StatusOr<StepModel> ModelOf(const RankPrograms& programs, absl::string_view algorithm);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_RUNTIME_STEP_MODEL_H_
