// Ring collectives over any Transport: every rank talks to its two neighbours only, all links are
// busy at once, and an all-reduce sends 2 (n-1)/n of the data a rank, the least there is. Patarasuk
// & Yuan, Bandwidth optimal all-reduce algorithms for clusters of workstations (2009).
//
//   RingCollectives collectives(transport);
//   STRATA_RETURN_IF_ERROR(collectives.AllReduce(grad, count, chips::F32,
//   compiler::Reduction::kMean));
//
// A segment is reduced by one rank, which all others copy: results are the same bits on every rank
// and in every run, for any number of ranks and any count (less than the ranks, and 0, too). Data
// goes in chunks, so that one fits the cache and a broadcast is a pipeline. Bytes sent by all n
// ranks together, for `count` elements of s bytes:
//   all_reduce 2 (n-1) count s, all_gather and reduce_scatter n (n-1) count s, broadcast (n-1)
//   count s.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_RING_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_RING_H_

#include <cstdint>
#include <vector>

#include "compiler/device/collectives.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

class RingCollectives : public compiler::Collectives {
 public:
  static constexpr int64_t kChunkBytes = 256 << 10;

  // `transport` must outlive this. `chunk_bytes` is a positive multiple of 8, the same on all
  // ranks.
  explicit RingCollectives(Transport& transport, int64_t chunk_bytes = kChunkBytes);

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

 private:
  // What a reduction is done with, on the way round.
  struct Reducer {
    int tag;
    chips::DType dtype;
    compiler::Reduction reduction;
  };

  int Next() const { return (rank() + 1) % size(); }
  int Previous() const { return (rank() + size() - 1) % size(); }
  absl::Status Exchange(int tag, const char* out, int64_t out_bytes, char* in, int64_t in_bytes);
  absl::Status Shift(int tag, const char* out, int64_t out_bytes, char* in, int64_t in_bytes);
  absl::Status ShiftAndCombine(const Reducer& reducer, const char* out, int64_t out_bytes,
                               const char* own, char* result, int64_t in_bytes);

  Transport& transport_;
  int64_t chunk_bytes_;
  std::vector<double> scratch_;  // one chunk
};

// Adds "ring" to CollectivesRegistry().
void RegisterRingCollectives();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_RING_H_
