// Collectives: what a device needs from the other ranks. The compiler declares it; distributed/collective implements
// it over a Transport. All ranks make the same calls in the same order (Send and Recv: the two ranks concerned); buffers
// are dense host memory and do not overlap unless a call says "in place".
#ifndef STRATA_COMPILER_DEVICE_COLLECTIVES_H_
#define STRATA_COMPILER_DEVICE_COLLECTIVES_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "chips/numerics/dtype.h"

namespace strata::compiler {

enum class Reduction { kSum, kMean, kMax, kMin };

class Collectives {
 public:
  virtual ~Collectives() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // In place: every rank's `count` elements become the reduction over ranks; bit-identical on every rank.
  virtual absl::Status AllReduce(void* data, int64_t count, chips::DType dtype,
                                 Reduction reduction) = 0;
  // output = the ranks' inputs, in rank order: size() * count elements.
  virtual absl::Status AllGather(const void* input, void* output, int64_t count,
                                 chips::DType dtype) = 0;
  // input: size() * count elements; output: this rank's `count` of the reduction.
  virtual absl::Status ReduceScatter(const void* input, void* output, int64_t count,
                                     chips::DType dtype, Reduction reduction) = 0;
  // In place: root's data everywhere.
  virtual absl::Status Broadcast(void* data, int64_t count, chips::DType dtype, int root) = 0;
  virtual absl::Status Barrier() = 0;

  // In place: the root's `count` elements become the reduction over ranks; the others' are undefined afterwards.
  virtual absl::Status Reduce(void* data, int64_t count, chips::DType dtype, Reduction reduction,
                              int root) = 0;
  // At the root, output = the ranks' inputs in rank order: size() * count elements. Elsewhere `output` is not read.
  virtual absl::Status Gather(const void* input, void* output, int64_t count, chips::DType dtype,
                              int root) = 0;
  // The root's input, size() * count elements, is dealt out: rank r gets piece r.
  virtual absl::Status Scatter(const void* input, void* output, int64_t count, chips::DType dtype,
                               int root) = 0;
  // Piece r of input, `count` elements, goes to rank r; piece r of output came from rank r.
  virtual absl::Status AllToAll(const void* input, void* output, int64_t count,
                                chips::DType dtype) = 0;
  // The same with a size for each pair: send_counts[r] elements to rank r, receive_counts[r] from it; pieces are dense,
  // in rank order. The ranks must agree on the counts.
  virtual absl::Status AllToAllV(const void* input, absl::Span<const int64_t> send_counts,
                                 void* output, absl::Span<const int64_t> receive_counts,
                                 chips::DType dtype) = 0;
  virtual absl::Status Send(const void* data, int64_t count, chips::DType dtype, int peer) = 0;
  virtual absl::Status Recv(void* data, int64_t count, chips::DType dtype, int peer) = 0;
  // Input goes to the rank `offset` further on (mod size()); output came from the one `offset` before.
  virtual absl::Status Permute(const void* input, void* output, int64_t count, chips::DType dtype,
                               int64_t offset) = 0;

  // The ranks that differ from this one only in the mesh axes named: "dp", or "dp,cp" with the first as major. "": all,
  // this. Owned by this. INVALID_ARGUMENT names an axis there is not; all ranks ask for their groups in the same order.
  virtual absl::StatusOr<Collectives*> Group(absl::string_view axes);
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_COLLECTIVES_H_
