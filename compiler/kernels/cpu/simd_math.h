// Functions on the vectors of simd.h, for bodies of STRATA_KERNEL: the same formulas that emitted kernels use.
#ifndef STRATA_COMPILER_KERNELS_CPU_SIMD_MATH_H_
#define STRATA_COMPILER_KERNELS_CPU_SIMD_MATH_H_

#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler::simd {

STRATA_INLINE i16 BitsOf(v16 x) {
  i16 bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
STRATA_INLINE v16 FromBits(i16 bits) {
  v16 x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// tanh(x) = m / (m + 2) with the sign of x, m = exp(2 |x|) - 1 = 2^n (exp(r) - 1) + (2^n - 1): nothing is lost near 0,
// within 3 ulp. From 10 on it is 1.
STRATA_INLINE v16 Tanh(v16 x) {
  const v16 size = FromBits(BitsOf(x) & 0x7fffffff);
  const v16 a = size > 10.0f ? Splat(10.0f) : size;
  const v16 shifted = a * 2.885390082f + 12582912.0f, n = shifted - 12582912.0f;
  const v16 r = (a + a) - n * 0.693147181f;
  v16 p = r * 1.381459969e-3f + 8.368716874e-3f;
  p = p * r + 4.166838803e-2f;
  p = p * r + 1.666652063e-1f;
  p = p * r + 4.999999345e-1f;
  p = p * r + 1.0f;
  const v16 power = FromBits((BitsOf(shifted) << 23) + 0x3f800000);
  const v16 m = (p * r) * power + (power - 1.0f);
  const i16 sign = BitsOf(x) & ~0x7fffffff;
  return FromBits(BitsOf(m / (m + 2.0f)) | sign);
}

}  // namespace strata::compiler::simd

#endif  // STRATA_COMPILER_KERNELS_CPU_SIMD_MATH_H_
