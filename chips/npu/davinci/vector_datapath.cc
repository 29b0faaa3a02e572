#include "chips/npu/davinci/vector_datapath.h"

#include <algorithm>
#include <cstring>

#include "chips/npu/davinci/davinci_isa.h"
#include "chips/numerics/float16.h"

namespace strata::chips::npu::davinci {
namespace {

template <typename T>
T Get(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <typename T>
void Put(T value, uint8_t* to) {
  std::memcpy(to, &value, sizeof(value));
}

template <typename T>
constexpr int64_t Size() {
  return static_cast<int64_t>(sizeof(T));
}

template <typename T>
T Greater(T a, T b) {
  return a > b ? a : b;
}

template <typename T>
T Less(T a, T b) {
  return a < b ? a : b;
}

uint16_t HalfOf(uint16_t a, uint16_t b, float (*op)(float, float)) {
  return FloatToFp16(op(Fp16ToFloat(a), Fp16ToFloat(b)));
}

float Add(float a, float b) { return a + b; }
float Subtract(float a, float b) { return a - b; }
float Multiply(float a, float b) { return a * b; }

int8_t Requantised(int32_t x, int64_t multiplier, int64_t shift, int64_t zero, int64_t low,
                   int64_t high) {
  const int64_t half = shift == 0 ? 0 : int64_t{1} << (shift - 1);
  const __int128 value = zero + ((static_cast<__int128>(x) * multiplier + half) >> shift);
  return static_cast<int8_t>(std::clamp<__int128>(value, low, high));
}

}  // namespace

template <typename To, typename From, typename Op>
void VectorDatapath::One(const Resolved& in, Op op) {
  const auto& v = in.values;
  if (v[2] == 0 || v[3] == 0) return;
  uint8_t* dst = At(kUb, v[0]);
  const uint8_t* src = At(kUb, v[1]);
  for (int64_t r = 0; r < v[2]; ++r, dst += v[4], src += v[5]) {
    for (int64_t c = 0; c < v[3]; ++c) {
      Put<To>(op(Get<From>(src + c * Size<From>())), dst + c * Size<To>());
    }
  }
}

template <typename T, typename Op>
void VectorDatapath::Two(const Resolved& in, Op op) {
  const auto& v = in.values;
  if (v[3] == 0 || v[4] == 0) return;
  uint8_t* dst = At(kUb, v[0]);
  const uint8_t* a = At(kUb, v[1]);
  const uint8_t* b = At(kUb, v[2]);
  for (int64_t r = 0; r < v[3]; ++r, dst += v[5], a += v[6], b += v[7]) {
    for (int64_t c = 0; c < v[4]; ++c) {
      const int64_t at = c * Size<T>();
      Put<T>(op(Get<T>(a + at), Get<T>(b + at)), dst + at);
    }
  }
}

template <typename Op>
void VectorDatapath::Scalar(const Resolved& in, Op op) {
  const auto& v = in.values;
  const int32_t scalar = static_cast<int32_t>(v[2]);
  if (v[3] == 0 || v[4] == 0) return;
  uint8_t* dst = At(kUb, v[0]);
  const uint8_t* src = At(kUb, v[1]);
  for (int64_t r = 0; r < v[3]; ++r, dst += v[5], src += v[6]) {
    for (int64_t c = 0; c < v[4]; ++c) {
      Put<int32_t>(op(Get<int32_t>(src + 4 * c), scalar), dst + 4 * c);
    }
  }
}

void VectorDatapath::Move(const Resolved& in) {
  const auto& v = in.values;
  for (int64_t r = 0; r < v[2]; ++r) {
    for (int64_t c = 0; c < v[3]; c += kSide) {
      std::memcpy(At(kUb, v[0] + r * v[4] + 4 * c),
                  At(kL0c, v[1] + c / kSide * v[5] + r * kCRowBytes),
                  static_cast<size_t>(4 * std::min(kSide, v[3] - c)));
    }
  }
}

void VectorDatapath::Fill(const Resolved& in) {
  const auto& v = in.values;
  if (v[2] == 0) return;
  for (int64_t r = 0; r < v[1]; ++r) {
    uint8_t* row = At(kUb, v[0] + r * v[3]);
    for (int64_t c = 0; c < v[2]; ++c) Put<int32_t>(static_cast<int32_t>(v[4]), row + 4 * c);
  }
}

void VectorDatapath::Requantise(const Resolved& in) {
  const auto& v = in.values;
  if (v[4] == 0 || v[5] == 0) return;
  const uint8_t* multipliers = At(kUb, v[2]);
  const uint8_t* shifts = At(kUb, v[3]);
  for (int64_t r = 0; r < v[4]; ++r) {
    uint8_t* dst = At(kUb, v[0] + r * v[6]);
    const uint8_t* src = At(kUb, v[1] + r * v[7]);
    for (int64_t c = 0; c < v[5]; ++c) {
      const int64_t shift = std::min(Get<int32_t>(shifts + 4 * c) & 63, 62);
      Put<int8_t>(Requantised(Get<int32_t>(src + 4 * c), Get<int32_t>(multipliers + 4 * c), shift,
                              zero_, low_, high_),
                  dst + c);
    }
  }
}

void VectorDatapath::SumColumns(const Resolved& in) {
  const auto& v = in.values;
  if (v[2] == 0) return;
  for (int64_t c = 0; c < v[3]; ++c) {
    uint32_t sum = 0;
    for (int64_t r = 0; r < v[2]; ++r) sum += Get<uint32_t>(At(kUb, v[1] + r * v[4] + 4 * c));
    Put<uint32_t>(sum, At(kUb, v[0] + 4 * c));
  }
}

void VectorDatapath::TwoSources(const Resolved& in) {
  using U32 = uint32_t;
  using Half = uint16_t;
  switch (in.row->opcode) {
    case kVaddI32:
      return Two<U32>(in, [](U32 a, U32 b) { return a + b; });
    case kVsubI32:
      return Two<U32>(in, [](U32 a, U32 b) { return a - b; });
    case kVmulI32:
      return Two<U32>(in, [](U32 a, U32 b) { return a * b; });
    case kVmaxI32:
      return Two<int32_t>(in, Greater<int32_t>);
    case kVminI32:
      return Two<int32_t>(in, Less<int32_t>);
    case kVaddF32:
      return Two<float>(in, Add);
    case kVsubF32:
      return Two<float>(in, Subtract);
    case kVmulF32:
      return Two<float>(in, Multiply);
    case kVmaxF32:
      return Two<float>(in, Greater<float>);
    case kVminF32:
      return Two<float>(in, Less<float>);
    case kVaddF16:
      return Two<Half>(in, [](Half a, Half b) { return HalfOf(a, b, Add); });
    case kVsubF16:
      return Two<Half>(in, [](Half a, Half b) { return HalfOf(a, b, Subtract); });
    case kVmulF16:
      return Two<Half>(in, [](Half a, Half b) { return HalfOf(a, b, Multiply); });
    case kVmaxF16:
      return Two<Half>(in, [](Half a, Half b) { return HalfOf(a, b, Greater<float>); });
    case kVminF16:
      return Two<Half>(in, [](Half a, Half b) { return HalfOf(a, b, Less<float>); });
    case kVmaxI8:
      return Two<int8_t>(in, Greater<int8_t>);
    default:
      return Two<int8_t>(in, Less<int8_t>);
  }
}

void VectorDatapath::Execute(const Resolved& in) {
  const auto& v = in.values;
  switch (in.row->opcode) {
    case kVcfg:
      zero_ = v[0];
      low_ = v[1];
      high_ = v[2];
      return;
    case kMvC:
      return Move(in);
    case kVfill32:
      return Fill(in);
    case kVquantcI8:
      return Requantise(in);
    case kVcsumI32:
      return SumColumns(in);
    case kVconvI8I32:
      return One<int32_t, int8_t>(in, [](int8_t x) { return x; });
    case kVconvI32F32:
      return One<float, int32_t>(in, [](int32_t x) { return static_cast<float>(x); });
    case kVconvF16F32:
      return One<float, uint16_t>(in, Fp16ToFloat);
    case kVconvF32F16:
      return One<uint16_t, float>(in, FloatToFp16);
    case kVreluI32:
      return One<int32_t, int32_t>(in, [](int32_t x) { return Greater(x, 0); });
    case kVreluF32:
      return One<float, float>(in, [](float x) { return Greater(x, 0.0f); });
    case kVreluF16:
      return One<uint16_t, uint16_t>(
          in, [](uint16_t x) { return Fp16ToFloat(x) > 0 ? x : uint16_t{0}; });
    case kVaddsI32:
      return Scalar(in, [](int32_t x, int32_t s) {
        return static_cast<int32_t>(static_cast<uint32_t>(x) + static_cast<uint32_t>(s));
      });
    case kVmulsI32:
      return Scalar(in, [](int32_t x, int32_t s) {
        return static_cast<int32_t>(static_cast<uint32_t>(x) * static_cast<uint32_t>(s));
      });
    case kVmaxsI32:
      return Scalar(in, Greater<int32_t>);
    case kVminsI32:
      return Scalar(in, Less<int32_t>);
    default:
      return TwoSources(in);
  }
}

}  // namespace strata::chips::npu::davinci
