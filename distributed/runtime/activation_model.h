// ActivationModel: what the slots of a pipeline rank keep, and the most that they hold at once, by the sizes of the values
// alone.
#ifndef STRATA_DISTRIBUTED_RUNTIME_ACTIVATION_MODEL_H_
#define STRATA_DISTRIBUTED_RUNTIME_ACTIVATION_MODEL_H_

#include <cstdint>

#include "distributed/runtime/rank_programs.h"

namespace strata::distributed {

struct ActivationModel {
  int64_t kept = 0;   // between two actions, at most
  int64_t peak = 0;   // with what the running program makes
  int64_t after = 0;  // after the last slot: results of the step
};

// Of a rank with a pipeline.
ActivationModel ActivationsOf(const RankPrograms& programs);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_RUNTIME_ACTIVATION_MODEL_H_
