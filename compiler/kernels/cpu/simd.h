// Vectors of 16 floats for the CPU's own kernels, written once and compiled for each instruction set.
//
//   STRATA_KERNEL(Scale, (const float* x, float* y, int64_t n), (x, y, n)) {
//     for (int64_t i = 0; i + 16 <= n; i += 16) Store(y + i, Load(x + i) * 2.0f);
//   }
//   ...
//   Scale(x, y, n);   // runs the best version that this machine has
//
// A body is compiled for AVX-512, for AVX2 with FMA, and for the plain architecture; the call chooses once a process.
// Bodies may use only what is here and plain C++ (calls of other functions are not compiled for the instruction set).
#ifndef STRATA_COMPILER_KERNELS_CPU_SIMD_H_
#define STRATA_COMPILER_KERNELS_CPU_SIMD_H_

#include <cstdint>
#include <cstring>

#define STRATA_INLINE static inline __attribute__((always_inline))
#define STRATA_INLINE_BODY __attribute__((always_inline))  // of a member or a lambda

namespace strata::compiler::simd {

typedef float v16 __attribute__((vector_size(64)));
typedef int32_t i16 __attribute__((vector_size(64)));
typedef int8_t b16 __attribute__((vector_size(16)));
typedef float v8 __attribute__((vector_size(32)));
typedef float v4 __attribute__((vector_size(16)));

enum class Isa { kGeneric, kAvx2, kAvx512 };

// The best that this machine runs.
inline Isa HostIsa() {
#if defined(__x86_64__)
  static const Isa isa =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
          ? Isa::kAvx512
      : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? Isa::kAvx2
                                                                        : Isa::kGeneric;
  return isa;
#else
  return Isa::kGeneric;
#endif
}

#if defined(__x86_64__)
#define STRATA_TARGET_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,prefer-vector-width=512")))
#define STRATA_TARGET_AVX2 __attribute__((target("avx2,fma")))
#else
#define STRATA_TARGET_AVX512
#define STRATA_TARGET_AVX2
#endif

// Inside a body kWide tells whether it is being compiled for AVX-512.
#define STRATA_KERNEL(name, parameters, arguments)                                  \
  template <bool kWide>                                                             \
  STRATA_INLINE void name##Body parameters;                                         \
  STRATA_TARGET_AVX512 void name##Avx512 parameters { name##Body<true> arguments; } \
  STRATA_TARGET_AVX2 void name##Avx2 parameters { name##Body<false> arguments; }    \
  void name##Generic parameters { name##Body<false> arguments; }                    \
  void name parameters {                                                            \
    switch (::strata::compiler::simd::HostIsa()) {                                  \
      case ::strata::compiler::simd::Isa::kAvx512:                                  \
        return name##Avx512 arguments;                                              \
      case ::strata::compiler::simd::Isa::kAvx2:                                    \
        return name##Avx2 arguments;                                                \
      default:                                                                      \
        return name##Generic arguments;                                             \
    }                                                                               \
  }                                                                                 \
  template <bool kWide>                                                             \
  STRATA_INLINE void name##Body parameters

STRATA_INLINE v16 Load(const float* p) {
  v16 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
STRATA_INLINE void Store(float* p, v16 v) { std::memcpy(p, &v, sizeof v); }
STRATA_INLINE v16 Splat(float x) { return x - v16{}; }

// The first n < 16 lanes; the others are `fill`.
STRATA_INLINE v16 LoadPart(const float* p, int64_t n, float fill) {
  v16 v = Splat(fill);
  std::memcpy(&v, p, static_cast<size_t>(n) * sizeof(float));
  return v;
}
STRATA_INLINE void StorePart(float* p, v16 v, int64_t n) {
  std::memcpy(p, &v, static_cast<size_t>(n) * sizeof(float));
}

// 16 signed bytes as floats. GCC 12 makes a dozen shuffles of the conversion where one instruction does it, and weights
// in 8 bits are bound by it: so that instruction is named. kWide only in a body's AVX-512 version.
template <bool kWide>
STRATA_INLINE v16 LoadBytes(const int8_t* p) {
#if defined(__x86_64__)
  if constexpr (kWide) {
    i16 wide;
    __asm__("vpmovsxbd %1, %0" : "=v"(wide) : "m"(*reinterpret_cast<const int8_t(*)[16]>(p)));
    return __builtin_convertvector(wide, v16);
  }
#endif
  b16 bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  return __builtin_convertvector(__builtin_convertvector(bytes, i16), v16);
}

STRATA_INLINE v16 Max(v16 a, v16 b) { return a > b ? a : b; }

STRATA_INLINE float Sum(v16 v) {
  v8 low, high;
  std::memcpy(&low, &v, sizeof low);
  std::memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
  const v8 half = low + high;
  v4 a, b;
  std::memcpy(&a, &half, sizeof a);
  std::memcpy(&b, reinterpret_cast<const char*>(&half) + sizeof a, sizeof b);
  const v4 quarter = a + b;
  return (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
}

STRATA_INLINE float MaxLane(v16 v) {
  v8 low, high;
  std::memcpy(&low, &v, sizeof low);
  std::memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
  const v8 half = low > high ? low : high;
  v4 a, b;
  std::memcpy(&a, &half, sizeof a);
  std::memcpy(&b, reinterpret_cast<const char*>(&half) + sizeof a, sizeof b);
  const v4 quarter = a > b ? a : b;
  const float even = quarter[0] > quarter[2] ? quarter[0] : quarter[2];
  const float odd = quarter[1] > quarter[3] ? quarter[1] : quarter[3];
  return even > odd ? even : odd;
}

// e^x within 2 ulp; 0 below -104, infinity above 88.8, NaN stays NaN. 2^n times a polynomial on [-ln2/2, ln2/2].
STRATA_INLINE v16 Exp(v16 x) {
  const v16 high = Splat(89.0f), low = Splat(-104.0f);
  x = x > high ? high : x;
  x = x < low ? low : x;
  const v16 magic = Splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const v16 shifted = x * 1.44269504088896341f + magic;
  const v16 n = shifted - magic;
  i16 exponent, magic_bits;
  std::memcpy(&exponent, &shifted, sizeof exponent);
  std::memcpy(&magic_bits, &magic, sizeof magic_bits);
  exponent -= magic_bits;
  v16 r = x - n * 0.693145751953125f;
  r = r - n * 1.42860682030941723212e-6f;
  v16 p = Splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  // In two steps, so that the ends of the range (2^128, 2^-150) do not overflow the exponent field.
  const i16 half = exponent >> 1;
  const i16 first = (half + 127) << 23, second = (exponent - half + 127) << 23;
  v16 a, b;
  std::memcpy(&a, &first, sizeof a);
  std::memcpy(&b, &second, sizeof b);
  return p * a * b;
}

// Splat of a number that has just been computed: GCC 12 inserts it lane by lane where a function has its own target.
template <bool kWide>
STRATA_INLINE v16 Broadcast(float x) {
#if defined(__x86_64__)
  if constexpr (kWide) {
    v16 y;
    __asm__("vbroadcastss %1, %0" : "=v"(y) : "v"(x));
    return y;
  }
#endif
  return Splat(x);
}

// e^x for x <= 88, within 2e-7 relative: for weights that are at most about 1. 0 below -104, NaN stays NaN. The machine's
// own maximum and scaling by 2^n are named, as GCC has no generic form of them.
template <bool kWide>
STRATA_INLINE v16 ExpDown(v16 x) {
#if defined(__x86_64__)
  if constexpr (kWide) {
    __asm__("vmaxps %1, %2, %0"
            : "=v"(x)
            : "v"(x), "v"(Splat(-104.0f)));  // the second where one is NaN
    const v16 magic = Splat(12582912.0f);
    const v16 n = (x * 1.44269504088896341f + magic) - magic;
    const v16 r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    v16 p = r * 8.290306471e-3f + 4.189797533e-2f;
    p = p * r + 1.666763658e-1f;
    p = p * r + 4.999914919e-1f;
    p = p * r + 9.99999707e-1f;
    p = p * r + 1.0f;
    __asm__("vscalefps %1, %2, %0" : "=v"(p) : "v"(n), "v"(p));
    return p;
  }
#endif
  return Exp(x);
}

// 2^x for x <= 127, within 2e-7 relative: half the arithmetic of ExpDown. 2^floor(x) times a polynomial of the fraction,
// 1 at 0; -infinity gives 0, NaN stays NaN.
template <bool kWide>
STRATA_INLINE v16 Exp2Down(v16 x) {
#if defined(__x86_64__)
  if constexpr (kWide) {
    v16 r;
    __asm__("vreduceps $9, %1, %0" : "=v"(r) : "v"(x));  // x - floor(x); 0 of an infinity
    v16 p = r * 1.86713005e-3f + 9.017030708e-3f;
    p = p * r + 5.579991266e-2f;
    p = p * r + 2.401644439e-1f;
    p = p * r + 6.931512952e-1f;
    p = p * r + 1.0f;
    __asm__("vscalefps %1, %2, %0" : "=v"(p) : "v"(x), "v"(p));  // by 2^floor(x)
    return p;
  }
#endif
  return Exp(x * 0.693147180559945f);
}

// Whether a lane of a is above b's.
template <bool kWide>
STRATA_INLINE bool AnyAbove(v16 a, v16 b) {
#if defined(__x86_64__)
  if constexpr (kWide) {
    bool any;
    __asm__("vcmpps $30, %2, %1, %%k1\n\tkortestw %%k1, %%k1"  // greater, and false of NaN
            : "=@ccnz"(any)
            : "v"(a), "v"(b)
            : "k1");
    return any;
  }
#endif
  const i16 above = a > b;
  int32_t any = 0;
  for (int lane = 0; lane < 16; ++lane) any |= above[lane];
  return any != 0;
}

STRATA_INLINE float Dot(const float* a, const float* b, int64_t n) {
  v16 s0 = {}, s1 = {}, s2 = {}, s3 = {};
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    s0 += Load(a + i) * Load(b + i);
    s1 += Load(a + i + 16) * Load(b + i + 16);
    s2 += Load(a + i + 32) * Load(b + i + 32);
    s3 += Load(a + i + 48) * Load(b + i + 48);
  }
  for (; i + 16 <= n; i += 16) s0 += Load(a + i) * Load(b + i);
  float sum = Sum((s0 + s1) + (s2 + s3));
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// y += factor * x
STRATA_INLINE void AddScaled(float factor, const float* x, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) Store(y + i, Load(y + i) + factor * Load(x + i));
  for (; i < n; ++i) y[i] += factor * x[i];
}

}  // namespace strata::compiler::simd

#endif  // STRATA_COMPILER_KERNELS_CPU_SIMD_H_
