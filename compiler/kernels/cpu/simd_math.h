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

typedef double d8 __attribute__((vector_size(64)));

STRATA_INLINE v16 Narrow(d8 low, d8 high) {
  const v8 halves[2] = {__builtin_convertvector(low, v8), __builtin_convertvector(high, v8)};
  return Load(reinterpret_cast<const float*>(halves));
}

// sin and cos of 16 angles, |x| < 1e9, within 2 ulp of 1: x = n pi/2 + r, |r| <= pi/4, reduced in f64; then
// sin(r) = r + r^3 s(r^2), cos(r) = 1 - r^2/2 + r^4 c(r^2).
STRATA_INLINE void SineCosine(d8 low, d8 high, v16* sine, v16* cosine) {
  const double magic = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
  const d8 n[2] = {(low * 0.63661977236758134308 + magic) - magic,
                   (high * 0.63661977236758134308 + magic) - magic};
  const v16 r = Narrow((low - n[0] * 1.5707963267948965580) - n[0] * 6.123233995736766036e-17,
                       (high - n[1] * 1.5707963267948965580) - n[1] * 6.123233995736766036e-17);
  const v16 quarter = Narrow(n[0] - 4.0 * ((n[0] * 0.25 + magic) - magic),
                             n[1] - 4.0 * ((n[1] * 0.25 + magic) - magic));
  const i16 turns = __builtin_convertvector(quarter, i16);
  const v16 z = r * r;
  const v16 s = ((z * -1.951411429e-4f + 8.332155326e-3f) * z + -1.66666546e-1f) * z * r + r;
  const v16 c =
      ((z * 2.443494665e-5f + -1.388733811e-3f) * z + 4.166664629e-2f) * z * z - 0.5f * z + 1.0f;
  const i16 odd = (turns & 1) != 0;
  const v16 y = odd ? c : s, x = odd ? s : c;
  *sine = (turns & 2) != 0 ? -y : y;
  *cosine = ((turns + 1) & 2) != 0 ? -x : x;
}

}  // namespace strata::compiler::simd

#endif  // STRATA_COMPILER_KERNELS_CPU_SIMD_MATH_H_
