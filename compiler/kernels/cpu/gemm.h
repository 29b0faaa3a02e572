// Gemm: single-precision matrix products by oneDNN. The one file that knows which oneDNN is there.
#ifndef STRATA_COMPILER_KERNELS_CPU_GEMM_H_
#define STRATA_COMPILER_KERNELS_CPU_GEMM_H_

#include <cstdint>
#include <string>

namespace strata::compiler {

// C [M, N] = op(A) [M, K] · op(B) [K, N] + beta C, row-major with leading dims; op transposes when its flag is set.
// beta is 0 (C need not be initialised) or 1. Any size may be 0. Threads as OpenMP has them; inside a parallel region
// one.
struct GemmArguments {
  bool transpose_a = false, transpose_b = false;
  int64_t M = 0, N = 0, K = 0;
  const float* A = nullptr;
  int64_t lda = 0;
  const float* B = nullptr;
  int64_t ldb = 0;
  float* C = nullptr;
  int64_t ldc = 0;
  float beta = 0;
};
void Gemm(const GemmArguments& g);

// Of the library that runs: "2.6.3 (commit)".
std::string OneDnnVersion();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_GEMM_H_
