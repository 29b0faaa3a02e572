// Which rank writes what: every cell once, however many ranks hold it, and as many bytes on each rank as can be.
//
//   STRATA_ASSIGN_OR_RETURN(std::vector<PlannedTensor> plan, PlanSave(holdings));   // the same on every rank
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_SAVE_PLAN_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_SAVE_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "distributed/checkpoint/manifest.pb.h"
#include "distributed/checkpoint/sharded_tensor.h"

namespace strata::distributed {

struct PlannedCell {
  Box box;
  int writer = 0;  // a rank that holds the whole box
};

struct PlannedTensor {
  std::string name;
  chips::DType dtype = chips::DTYPE_UNSPECIFIED;
  std::vector<int64_t> dims;
  std::vector<PlannedCell> cells;  // none without elements; every element in exactly one
};

// Of one rank's state. INVALID_ARGUMENT for a tensor that is not valid or one of whose cells is there twice.
absl::StatusOr<checkpoint::Holding> MakeHolding(absl::Span<const ShardedTensor> state);

// holdings[r]: of rank r. Tensors by name. Large cells that several ranks hold are cut, so that all of
// them write a part. INVALID_ARGUMENT names the tensor and the ranks: another dtype or dims; a hole or an overlap.
absl::StatusOr<std::vector<PlannedTensor>> PlanSave(absl::Span<const checkpoint::Holding> holdings);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_SAVE_PLAN_H_
