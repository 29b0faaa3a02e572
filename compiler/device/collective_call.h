// One collective of a plan or a graph, done on host memory with a rank's Collectives.
//
//   STRATA_RETURN_IF_ERROR(RunCollectiveCall(plan::CollectiveOf(node, 2), x, y, collectives));
#ifndef STRATA_COMPILER_DEVICE_COLLECTIVE_CALL_H_
#define STRATA_COMPILER_DEVICE_COLLECTIVE_CALL_H_

#include "base/status.h"
#include "compiler/device/collectives.h"
#include "compiler/plan/plan.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

// `in` has no storage for rank_index; `out` is allocated and may share storage with `in` where both have one size and
// the call is an all_reduce or a broadcast. `collectives` may be null: there is one rank then. FAILED_PRECONDITION when
// the call is for another number of ranks than its group has.
absl::Status RunCollectiveCall(const plan::Collective& call, const graph::HostTensor& in,
                               const graph::HostTensor& out, Collectives* collectives);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_COLLECTIVE_CALL_H_
