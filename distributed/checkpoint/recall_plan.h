// Who sends what to whom when a state comes back from the memories of ranks.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_RECALL_PLAN_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_RECALL_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "distributed/checkpoint/manifest.pb.h"
#include "distributed/checkpoint/sharded_tensor.h"

namespace strata::distributed {

// Elements of a tensor that go from one rank's copy to another's (or its own) state.
struct Transfer {
  std::string tensor;
  chips::DType dtype = chips::DTYPE_UNSPECIFIED;
  int sender = 0, receiver = 0;
  Box source;  // the cell in the sender's memory
  Box target;  // the cell that the receiver wants
  Box common;  // of both: what is sent

  int64_t bytes() const { return common.elements() * static_cast<int64_t>(chips::SizeOf(dtype)); }
};

struct RecallPlan {
  int64_t step = 0;
  uint64_t id = 0;  // of the save
  std::vector<Transfer> transfers;
};

// recalls[r]: of rank r. The same on every rank. The newest save whose copies cover every tensor that is wanted; NOT_FOUND
// when there is none. A rank's own copy is preferred, then the holders take turns.
absl::StatusOr<RecallPlan> PlanRecall(absl::Span<const checkpoint::Recall> recalls);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_RECALL_PLAN_H_
