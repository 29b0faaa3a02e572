// OneDnnMatmul: oneDNN's matmul primitive with its weights in the layout that oneDNN likes best, as a baseline for
// emitted kernels. For sgemm see gemm.h.
//
//   STRATA_ASSIGN_OR_RETURN(auto matmul, OneDnnMatmul::Create({.M = 256, .N = 3072, .K = 768}));
//   matmul->PackB(b);      // the reorder of the weights: once
//   matmul->Run(a, c);     // C [M, N] = op(A) [M, K] · op(B) [K, N]
//
// Threads as OpenMP has them. Not thread-safe.
#ifndef STRATA_COMPILER_KERNELS_CPU_GEMM_ONEDNN_H_
#define STRATA_COMPILER_KERNELS_CPU_GEMM_ONEDNN_H_

#include <cstdint>
#include <memory>

#include "base/status.h"

namespace strata::compiler {

struct OneDnnProblem {
  int64_t M = 1, N = 1, K = 1;  // each >= 1
  bool transpose_a = false,
       transpose_b = false;  // A is then stored [K, M], B [N, K]; dense, row-major
  bool bf16 = false;         // A and B; C is f32 always
};

class OneDnnMatmul {
 public:
  virtual ~OneDnnMatmul() = default;
  virtual void PackB(const void* b) = 0;
  virtual void Run(const void* a, float* c) = 0;  // after PackB

  // INVALID_ARGUMENT for sizes below 1; UNIMPLEMENTED where this oneDNN has no kernel for the types on this CPU.
  static absl::StatusOr<std::unique_ptr<OneDnnMatmul>> Create(const OneDnnProblem& problem);
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_GEMM_ONEDNN_H_
