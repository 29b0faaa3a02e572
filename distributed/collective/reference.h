// Reference collectives, the definition of right: everything goes to one rank, which combines in the order of ranks,
// and back. Pieces go one after the other. Slow, obvious, exact to the bit.
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
  absl::Status Reduce(void* data, int64_t count, chips::DType dtype, compiler::Reduction reduction,
                      int root) override;
  absl::Status Gather(const void* input, void* output, int64_t count, chips::DType dtype,
                      int root) override;
  absl::Status Scatter(const void* input, void* output, int64_t count, chips::DType dtype,
                       int root) override;
  absl::Status AllToAll(const void* input, void* output, int64_t count,
                        chips::DType dtype) override;
  absl::Status AllToAllV(const void* input, absl::Span<const int64_t> send_counts, void* output,
                         absl::Span<const int64_t> receive_counts, chips::DType dtype) override;
  absl::Status Send(const void* data, int64_t count, chips::DType dtype, int peer) override;
  absl::Status Recv(void* data, int64_t count, chips::DType dtype, int peer) override;
  absl::Status Permute(const void* input, void* output, int64_t count, chips::DType dtype,
                       int64_t offset) override;

 private:
  Transport& transport_;
};

// Adds "reference" to CollectivesRegistry().
void RegisterReferenceCollectives();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_REFERENCE_H_
