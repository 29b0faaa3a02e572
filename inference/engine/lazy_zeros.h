// LazyZeros: memory for tensors of zeros that the system provides where it is first touched, in huge pages where it can.
// Most slots of a cache are never written, and those that are lie about: with small pages each read of one would look up
// its address first.
//
//   STRATA_ASSIGN_OR_RETURN(LazyZeros memory, LazyZeros::Create(LazyZeros::BytesOf(chips::F16, {297, 12, 64})));
//   STRATA_ASSIGN_OR_RETURN(HostTensor cache, memory.Take(chips::F16, {297, 12, 64}));
//
// Tensors share the memory and keep it alive. All caches of a model belong into one: a huge page is 2 MiB.
#ifndef STRATA_INFERENCE_ENGINE_LAZY_ZEROS_H_
#define STRATA_INFERENCE_ENGINE_LAZY_ZEROS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "framework/graph/host_tensor.h"

namespace strata::inference {

class LazyZeros {
 public:
  LazyZeros() = default;  // of no bytes

  // ResourceExhausted where the system has no such memory.
  static absl::StatusOr<LazyZeros> Create(int64_t bytes);

  // What a tensor takes of it: its size rounded up to cache lines.
  static int64_t BytesOf(chips::DType dtype, const std::vector<int64_t>& dims);

  // The next part. ResourceExhausted where too little is left.
  absl::StatusOr<graph::HostTensor> Take(chips::DType dtype, std::vector<int64_t> dims);

  int64_t left() const { return bytes_ - taken_; }

 private:
  std::shared_ptr<char> memory_;
  int64_t bytes_ = 0, taken_ = 0;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_LAZY_ZEROS_H_
