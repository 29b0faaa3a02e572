// Bf16Gemm: C [M, N] = op(A) [M, K] · op(B) [K, N], bf16 operands, sums and result in f32. oneDNN where the CPU has
// bf16 dot products; elsewhere the operands are widened to f32 for sgemm, the same numbers up to the order of sums.
//
//   std::shared_ptr<Bf16Gemm> gemm = Bf16Gemm::Create({false, true, M, N, K}, threads);
//   STRATA_RETURN_IF_ERROR(gemm->Run(A, B, C));
#ifndef STRATA_COMPILER_KERNELS_CPU_GEMM_BF16_H_
#define STRATA_COMPILER_KERNELS_CPU_GEMM_BF16_H_

#include <cstdint>
#include <memory>

#include "base/status.h"

namespace strata::compiler {

// A is [M, K], or [K, M] when transposed; B is [K, N], or [N, K]. Dense, row-major. Any size may be 0.
struct Bf16GemmShape {
  bool transpose_a = false, transpose_b = false;
  int64_t M = 0, N = 0, K = 0;
};

class Bf16Gemm {
 public:
  virtual ~Bf16Gemm() = default;
  // The best there is on this machine. `threads` is what a run will use.
  static std::shared_ptr<Bf16Gemm> Create(const Bf16GemmShape& shape, int threads);
  // By widening to f32: right on every machine.
  static std::shared_ptr<Bf16Gemm> CreateWidening(const Bf16GemmShape& shape);

  // One run at a time. Scratch is shared by all products that a thread runs.
  // RESOURCE_EXHAUSTED without room for it; INTERNAL with oneDNN's complaint.
  virtual absl::Status Run(const uint16_t* A, const uint16_t* B, float* C) = 0;
};

// True where Create() gives bf16 dot products.
bool HasBf16Gemm();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_GEMM_BF16_H_
