#include "distributed/collective/reduce.h"

#include <algorithm>
#include <type_traits>

#include "absl/types/span.h"
#include "chips/numerics/convert.h"

#define STRATA_INLINE inline __attribute__((always_inline))
#if defined(__x86_64__)
#define STRATA_AVX512_LOOP \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")))
#endif

namespace strata::distributed {
namespace {

using compiler::Reduction;

struct Add {
  template <typename T>
  static STRATA_INLINE T Of(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      using Wrapping = std::make_unsigned_t<T>;
      return static_cast<T>(
          static_cast<Wrapping>(static_cast<Wrapping>(a) + static_cast<Wrapping>(b)));
    } else {
      return a + b;
    }
  }
};

// `|`, not `||`: no branch, so that the loop is vectorised.
struct Maximum {
  template <typename T>
  static STRATA_INLINE T Of(T a, T b) {
    return (a > b) | (a != a) ? a : b;
  }
};

struct Minimum {
  template <typename T>
  static STRATA_INLINE T Of(T a, T b) {
    return (a < b) | (a != a) ? a : b;
  }
};

template <typename Op, typename T>
STRATA_INLINE void Loop(const T* a, const T* b, T* result, int64_t count) {
  for (int64_t i = 0; i < count; ++i) result[i] = Op::Of(a[i], b[i]);
}

#if defined(__x86_64__)
bool HasAvx512() {
  static const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return has;
}

template <typename Op, typename T>
STRATA_AVX512_LOOP void WideLoop(const T* a, const T* b, T* result, int64_t count) {
  Loop<Op>(a, b, result, count);
}

template <typename Op, typename T>
void CombineWith(const T* a, const T* b, T* result, int64_t count) {
  if (HasAvx512()) return WideLoop<Op>(a, b, result, count);
  Loop<Op>(a, b, result, count);
}
#else
template <typename Op, typename T>
void CombineWith(const T* a, const T* b, T* result, int64_t count) {
  Loop<Op>(a, b, result, count);
}
#endif

template <typename T>
void CombineAs(Reduction reduction, const T* a, const T* b, T* result, int64_t count) {
  if (reduction == Reduction::kMax) return CombineWith<Maximum>(a, b, result, count);
  if (reduction == Reduction::kMin) return CombineWith<Minimum>(a, b, result, count);
  CombineWith<Add>(a, b, result, count);
}

template <typename T>
void DivideAs(T* data, int64_t count, int ranks) {
  if constexpr (std::is_integral_v<T>) {
    for (int64_t i = 0; i < count; ++i)
      data[i] = static_cast<T>(static_cast<int64_t>(data[i]) / ranks);
  } else {
    for (int64_t i = 0; i < count; ++i) data[i] /= static_cast<T>(ranks);
  }
}

constexpr int64_t kTile =
    512;  // elements that are wide at a time: on the stack, in the first cache

chips::Format FormatOf(chips::DType dtype) {
  return dtype == chips::BF16 ? chips::Format::kBf16 : chips::Format::kF16;
}

// The sizes agree and the formats are 16 bits wide: the conversions cannot fail.
void Widen(chips::Format format, const uint16_t* codes, float* values, int64_t count) {
  const size_t n = static_cast<size_t>(count);
  chips::ToF32(format, absl::MakeConstSpan(codes, n), absl::MakeSpan(values, n)).IgnoreError();
}

void Narrow(chips::Format format, const float* values, uint16_t* codes, int64_t count) {
  const size_t n = static_cast<size_t>(count);
  chips::FromF32(format, absl::MakeConstSpan(values, n), absl::MakeSpan(codes, n)).IgnoreError();
}

void CombineHalves(Reduction reduction, chips::Format format, const uint16_t* a, const uint16_t* b,
                   uint16_t* result, int64_t count) {
  float wide_a[kTile], wide_b[kTile];
  for (int64_t at = 0; at < count; at += kTile) {
    const int64_t tile = std::min(kTile, count - at);
    Widen(format, a + at, wide_a, tile);
    Widen(format, b + at, wide_b, tile);
    CombineAs(reduction, wide_a, wide_b, wide_a, tile);
    Narrow(format, wide_a, result + at, tile);
  }
}

void DivideHalves(chips::Format format, uint16_t* data, int64_t count, int ranks) {
  float wide[kTile];
  for (int64_t at = 0; at < count; at += kTile) {
    const int64_t tile = std::min(kTile, count - at);
    Widen(format, data + at, wide, tile);
    DivideAs(wide, tile, ranks);
    Narrow(format, wide, data + at, tile);
  }
}

// body(a null T*) for the C++ type of the elements that are combined as they are.
template <typename Body>
void WithType(chips::DType dtype, Body body) {
  switch (dtype) {
    case chips::F32:
      return body(static_cast<float*>(nullptr));
    case chips::F64:
      return body(static_cast<double*>(nullptr));
    case chips::I8:
      return body(static_cast<int8_t*>(nullptr));
    case chips::U8:
      return body(static_cast<uint8_t*>(nullptr));
    case chips::I32:
      return body(static_cast<int32_t*>(nullptr));
    case chips::I64:
      return body(static_cast<int64_t*>(nullptr));
    default:
      return;  // CheckReducingCall lets no other through
  }
}

bool IsHalf(chips::DType dtype) { return dtype == chips::BF16 || dtype == chips::F16; }

}  // namespace

bool IsReduced(chips::DType dtype) { return chips::IsFloat(dtype) || chips::IsInteger(dtype); }

void Combine(Reduction reduction, chips::DType dtype, const void* a, const void* b, void* result,
             int64_t count) {
  if (IsHalf(dtype)) {
    return CombineHalves(reduction, FormatOf(dtype), static_cast<const uint16_t*>(a),
                         static_cast<const uint16_t*>(b), static_cast<uint16_t*>(result), count);
  }
  WithType(dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    CombineAs(reduction, static_cast<const T*>(a), static_cast<const T*>(b),
              static_cast<T*>(result), count);
  });
}

void FinishReduction(Reduction reduction, chips::DType dtype, void* data, int64_t count,
                     int ranks) {
  if (reduction != Reduction::kMean) return;
  if (IsHalf(dtype))
    return DivideHalves(FormatOf(dtype), static_cast<uint16_t*>(data), count, ranks);
  WithType(dtype, [&](auto* type) {
    DivideAs(static_cast<std::remove_pointer_t<decltype(type)>*>(data), count, ranks);
  });
}

}  // namespace strata::distributed
