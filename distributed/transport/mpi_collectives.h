// MPI's own collectives, beside those that are written against Transport. Which algorithm runs is
// MPI's choice; Open MPI's give the same bits on every rank, which the conformance suite checks.
//
//   RegisterMpiCollectives();
//   auto collectives = CollectivesRegistry().Create("mpi", *world->local[0]);  // of the mpi
//   transport
//
// Non-blocking calls that are waited for, so that a peer that fails is an error here and not a wait
// without end. MPI cannot recall a collective: memory of one that failed must stay valid until
// exit. Ranks that disagree about a count find out late, by the timeout, or not at all.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_MPI_COLLECTIVES_H_
#define STRATA_DISTRIBUTED_TRANSPORT_MPI_COLLECTIVES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "compiler/device/collectives.h"
#include "distributed/transport/mpi_transport.h"

namespace strata::distributed {

class MpiCollectives : public compiler::Collectives {
 public:
  // `transport` must outlive this.
  explicit MpiCollectives(MpiTransport& transport);
  ~MpiCollectives() override;

  int rank() const override { return transport_.rank(); }
  int size() const override { return transport_.size(); }
  absl::Status AllReduce(void* data, int64_t count, chips::DType dtype,
                         compiler::Reduction reduction) override;
  absl::Status AllGather(const void* input, void* output, int64_t count,
                         chips::DType dtype) override;
  absl::Status ReduceScatter(const void* input, void* output, int64_t count, chips::DType dtype,
                             compiler::Reduction reduction) override;
  absl::Status Broadcast(void* data, int64_t count, chips::DType dtype, int root) override;
  absl::Status Barrier() override;
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
  struct PieceSizes;

  MpiTransport& transport_;
  std::vector<std::unique_ptr<PieceSizes>> abandoned_;  // of calls that failed
};

// Adds "mpi" to CollectivesRegistry(). INVALID_ARGUMENT on a transport that is not MPI's.
void RegisterMpiCollectives();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_MPI_COLLECTIVES_H_
