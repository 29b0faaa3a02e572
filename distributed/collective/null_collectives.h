// Null collectives: of a run of one rank, without any transport. The smallest implementation, to
// copy.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_NULL_COLLECTIVES_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_NULL_COLLECTIVES_H_

#include <cstdint>

#include "compiler/device/collectives.h"

namespace strata::distributed {

class NullCollectives : public compiler::Collectives {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  absl::Status AllReduce(void* data, int64_t count, chips::DType dtype,
                         compiler::Reduction reduction) override;
  absl::Status AllGather(const void* input, void* output, int64_t count,
                         chips::DType dtype) override;
  absl::Status ReduceScatter(const void* input, void* output, int64_t count, chips::DType dtype,
                             compiler::Reduction reduction) override;
  absl::Status Broadcast(void* data, int64_t count, chips::DType dtype, int root) override;
  absl::Status Barrier() override { return absl::OkStatus(); }
};

// Adds "null" to CollectivesRegistry(). INVALID_ARGUMENT on a transport of more than one rank.
void RegisterNullCollectives();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_NULL_COLLECTIVES_H_
