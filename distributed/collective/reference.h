// Reference collectives, the definition of right: everything goes to rank 0, which combines in the
// order of ranks and sends the result back. Slow, obvious, exact to the bit.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_REFERENCE_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_REFERENCE_H_

#include <cstdint>

#include "compiler/device/collectives.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

class ReferenceCollectives : public compiler::Collectives {
 public:
  // `transport` must outlive this.
  explicit ReferenceCollectives(Transport& transport) : transport_(transport) {}

  int rank() const override { return transport_.rank(); }
  int size() const override { return transport_.size(); }
  absl::Status AllReduce(void* data, int64_t count, chips::DType dtype,
                         compiler::Reduction reduction) override;
  absl::Status AllGather(const void* input, void* output, int64_t count,
                         chips::DType dtype) override;
  absl::Status ReduceScatter(const void* input, void* output, int64_t count, chips::DType dtype,
                             compiler::Reduction reduction) override;
  absl::Status Broadcast(void* data, int64_t count, chips::DType dtype, int root) override;
  absl::Status Barrier() override { return transport_.Barrier(); }

 private:
  Transport& transport_;
};

// Adds "reference" to CollectivesRegistry().
void RegisterReferenceCollectives();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_REFERENCE_H_
