// GemmInt8: products of i8 matrices with exact i32 sums.
//
//   GemmInt8({.transpose_b = true, .M = m, .N = n, .K = k, .A = a, .B = b, .C = c}, threads);
//
// Dense and row-major: A is [M, K], B [K, N], C [M, N]; op transposes what a flag says is stored the other way. Any size may
// be 0. At most 131071 terms: more may not fit the sum.
#ifndef STRATA_COMPILER_KERNELS_CPU_GEMM_INT8_H_
#define STRATA_COMPILER_KERNELS_CPU_GEMM_INT8_H_

#include <cstdint>

namespace strata::compiler {

struct GemmInt8Arguments {
  bool transpose_a = false, transpose_b = false;
  int64_t M = 0, N = 0, K = 0;
  const int8_t* A = nullptr;
  const int8_t* B = nullptr;
  int32_t* C = nullptr;
};

// By oneDNN where the CPU adds products of bytes exactly (HasInt8DotProducts()), else by plain loops.
void GemmInt8(const GemmInt8Arguments& g, int threads);

// The plain loops, for tests.
void GemmInt8Plain(const GemmInt8Arguments& g, int threads);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_GEMM_INT8_H_
