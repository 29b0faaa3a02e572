// Collectives: what a device needs from the other ranks. The compiler declares it; distributed/collective implements
// it over a Transport. All ranks make the same calls in the same order; buffers are dense host memory.
#ifndef STRATA_COMPILER_DEVICE_COLLECTIVES_H_
#define STRATA_COMPILER_DEVICE_COLLECTIVES_H_

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "chips/numerics/dtype.h"

namespace strata::compiler {

enum class Reduction { kSum, kMean, kMax };

class Collectives {
 public:
  virtual ~Collectives() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // In place: every rank's `count` elements become the reduction over ranks; bit-identical on every rank. f32 and f64.
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
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_COLLECTIVES_H_
