#include "chips/npu/sim/vector_datapath.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "chips/npu/isa/array_isa.h"
#include "chips/numerics/float16.h"
#include "chips/numerics/format.h"

namespace strata::chips::npu {
namespace {

using U32 = uint32_t;
using I32 = int32_t;

template <typename T>
T Load(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <typename T>
void Store(T value, uint8_t* to) {
  std::memcpy(to, &value, sizeof(value));
}

int8_t Requantise(int32_t x, const Requantisation& r) {
  const int64_t half = r.shift == 0 ? 0 : int64_t{1} << (r.shift - 1);
  const __int128 product = static_cast<__int128>(x) * r.multiplier + half;
  const __int128 value = r.zero + (product >> r.shift);
  return static_cast<int8_t>(std::clamp<__int128>(value, r.low, r.high));
}

template <Format format>
uint8_t ToFloat8(float x) {
  return static_cast<uint8_t>(Encode(format, x));
}
template <Format format>
float FromFloat8(uint8_t code) {
  return static_cast<float>(Decode(format, code));
}

int32_t Truncated(float x) {
  if (std::isnan(x)) return 0;
  if (x <= -0x1p31f) return std::numeric_limits<int32_t>::min();
  if (x >= 0x1p31f) return std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>(x);
}

using Function = double (*)(double);

// From kVexpF32 on, in the order of ArrayOpcode: in double precision, then rounded.
constexpr Function kSpecial[] = {
    [](double x) { return std::exp(x); },  [](double x) { return std::log(x); },
    [](double x) { return std::sqrt(x); }, [](double x) { return 1.0 / std::sqrt(x); },
    [](double x) { return std::tanh(x); }, [](double x) { return 1.0 / (1.0 + std::exp(-x)); },
    [](double x) { return std::erf(x); },  [](double x) { return std::sin(x); },
    [](double x) { return std::cos(x); },  [](double x) { return 1.0 / x; },
};
static_assert(std::size(kSpecial) == kVreciprocalF32 - kVexpF32 + 1);

}  // namespace

template <typename To, typename From, typename Op>
void VectorDatapath::Map(const Resolved& in, int to, int from, Op op) {
  const auto& v = in.values;
  if (v[2] == 0 || v[3] == 0) return;
  uint8_t* dst = At(to, v[0]);
  const uint8_t* src = At(from, v[1]);
  for (int64_t r = 0; r < v[2]; ++r, dst += v[4], src += v[5]) {
    for (int64_t c = 0; c < v[3]; ++c) {
      const From x = Load<From>(src + c * static_cast<int64_t>(sizeof(From)));
      Store<To>(op(x), dst + c * static_cast<int64_t>(sizeof(To)));
    }
  }
}

template <typename To, typename From, typename Op>
void VectorDatapath::Zip(const Resolved& in, Op op) {
  const auto& v = in.values;
  if (v[3] == 0 || v[4] == 0) return;
  uint8_t* dst = At(kAcc, v[0]);
  const uint8_t* a = At(kAcc, v[1]);
  const uint8_t* b = At(kAcc, v[2]);
  const int64_t a_step = (v[8] & kColumnA) != 0 ? 0 : 4, b_step = (v[8] & kColumnB) != 0 ? 0 : 4;
  for (int64_t r = 0; r < v[3]; ++r, dst += v[5], a += v[6], b += v[7]) {
    for (int64_t c = 0; c < v[4]; ++c) {
      const From x = Load<From>(a + c * a_step), y = Load<From>(b + c * b_step);
      Store<To>(op(x, y), dst + 4 * c);
    }
  }
}

template <typename T, typename Op>
void VectorDatapath::Fold(const Resolved& in, T start, Op op) {
  const auto& v = in.values;
  for (int64_t r = 0; r < v[2]; ++r) {
    T total = start;
    for (int64_t c = 0; c < v[3]; ++c)
      total = op(total, Load<T>(At(kAcc, v[1] + r * v[5] + 4 * c)));
    Store<T>(total, At(kAcc, v[0] + r * v[4]));
  }
}

void VectorDatapath::Execute(const Resolved& in) {
  const uint8_t opcode = in.row->opcode;
  if (IsVectorBinary(opcode)) return Binary(in);
  if (IsVectorReduction(opcode)) return Reduction(in);
  if (!IsVectorUnary(opcode)) return Border(in);
  return IsSpecialFunction(opcode) ? Special(in) : Unary(in);
}

void VectorDatapath::Border(const Resolved& in) {
  const auto& v = in.values;
  switch (in.row->opcode) {
    case kVcfg:
      requantisation_ = {v[0], v[1], v[2], v[3], v[4]};
      return;
    case kVfill:
      return Fill(in);
    case kVquantcI8:
      return ChannelRequantise(in);
    case kVmacI8:
      return MultiplyAdd(in);
    case kVin:
      return Map<U32, U32>(in, kAcc, kL1, [](U32 x) { return x; });
    case kVout:
      return Map<U32, U32>(in, kL1, kAcc, [](U32 x) { return x; });
    case kVquantI8:
      return Map<int8_t, I32>(in, kL1, kAcc,
                              [this](I32 x) { return Requantise(x, requantisation_); });
    case kVcastBf16:
      return Map<uint16_t, float>(in, kL1, kAcc, [](float x) { return FloatToBf16(x); });
    case kVcastE4m3:
      return Map<uint8_t, float>(in, kL1, kAcc, ToFloat8<Format::kE4M3>);
    case kVcastE5m2:
      return Map<uint8_t, float>(in, kL1, kAcc, ToFloat8<Format::kE5M2>);
    case kVcastI8:
      return Map<int8_t, I32>(in, kL1, kAcc,
                              [](I32 x) { return static_cast<int8_t>(std::clamp(x, -128, 127)); });
    case kVwidenBf16:
      return Map<float, uint16_t>(in, kAcc, kL1, [](uint16_t x) { return Bf16ToFloat(x); });
    case kVwidenE4m3:
      return Map<float, uint8_t>(in, kAcc, kL1, FromFloat8<Format::kE4M3>);
    case kVwidenE5m2:
      return Map<float, uint8_t>(in, kAcc, kL1, FromFloat8<Format::kE5M2>);
    case kVwidenI8:
      return Map<I32, int8_t>(in, kAcc, kL1, [](int8_t x) { return I32{x}; });
    default:
      return;
  }
}

void VectorDatapath::Binary(const Resolved& in) {
  switch (in.row->opcode) {
    case kVaddF32:
      return Zip<float, float>(in, [](float a, float b) { return a + b; });
    case kVsubF32:
      return Zip<float, float>(in, [](float a, float b) { return a - b; });
    case kVmulF32:
      return Zip<float, float>(in, [](float a, float b) { return a * b; });
    case kVdivF32:
      return Zip<float, float>(in, [](float a, float b) { return a / b; });
    case kVpowF32:
      return Zip<float, float>(in, [](float a, float b) {
        return static_cast<float>(std::pow(static_cast<double>(a), static_cast<double>(b)));
      });
    case kVmaxF32:
      return Zip<float, float>(in, [](float a, float b) { return a > b || std::isnan(a) ? a : b; });
    case kVminF32:
      return Zip<float, float>(in, [](float a, float b) { return a < b || std::isnan(a) ? a : b; });
    case kVlessF32:
      return Zip<I32, float>(in, [](float a, float b) { return I32{a < b}; });
    case kVlesseqF32:
      return Zip<I32, float>(in, [](float a, float b) { return I32{a <= b}; });
    case kVequalF32:
      return Zip<I32, float>(in, [](float a, float b) { return I32{a == b}; });
    case kVaddI32:
      return Zip<U32, U32>(in, [](U32 a, U32 b) { return a + b; });
    case kVsubI32:
      return Zip<U32, U32>(in, [](U32 a, U32 b) { return a - b; });
    case kVmulI32:
      return Zip<U32, U32>(in, [](U32 a, U32 b) { return a * b; });
    case kVmaxI32:
      return Zip<I32, I32>(in, [](I32 a, I32 b) { return std::max(a, b); });
    case kVminI32:
      return Zip<I32, I32>(in, [](I32 a, I32 b) { return std::min(a, b); });
    case kVlessI32:
      return Zip<I32, I32>(in, [](I32 a, I32 b) { return I32{a < b}; });
    case kVlesseqI32:
      return Zip<I32, I32>(in, [](I32 a, I32 b) { return I32{a <= b}; });
    case kVequalI32:
      return Zip<I32, I32>(in, [](I32 a, I32 b) { return I32{a == b}; });
    default:
      return Select(in);
  }
}

void VectorDatapath::Unary(const Resolved& in) {
  switch (in.row->opcode) {
    case kVcopy:
      return Map<U32, U32>(in, kAcc, kAcc, [](U32 x) { return x; });
    case kVnegF32:
      return Map<U32, U32>(in, kAcc, kAcc, [](U32 x) { return x ^ 0x80000000u; });
    case kVabsF32:
      return Map<U32, U32>(in, kAcc, kAcc, [](U32 x) { return x & 0x7fffffffu; });
    case kVreluF32:
      return Map<float, float>(in, kAcc, kAcc, [](float x) { return x < 0 ? 0.0f : x; });
    case kVsquareF32:
      return Map<float, float>(in, kAcc, kAcc, [](float x) { return x * x; });
    case kVroundBf16:
      return Map<float, float>(in, kAcc, kAcc, [](float x) { return Bf16ToFloat(FloatToBf16(x)); });
    case kVreluI32:
      return Map<I32, I32>(in, kAcc, kAcc, [](I32 x) { return std::max(x, 0); });
    case kVcvtF32:
      return Map<float, I32>(in, kAcc, kAcc, [](I32 x) { return static_cast<float>(x); });
    default:
      return Map<I32, float>(in, kAcc, kAcc, Truncated);
  }
}

void VectorDatapath::Special(const Resolved& in) {
  const Function f = kSpecial[in.row->opcode - kVexpF32];
  Map<float, float>(in, kAcc, kAcc, [f](float x) { return static_cast<float>(f(x)); });
}

void VectorDatapath::Reduction(const Resolved& in) {
  const auto& v = in.values;
  switch (in.row->opcode) {
    case kVsumF32:
      for (int64_t r = 0; r < v[2]; ++r) {
        Store<float>(RowSum(At(kAcc, v[1] + r * v[5]), v[3]), At(kAcc, v[0] + r * v[4]));
      }
      return;
    case kVsumI32:
      return Fold<U32>(in, 0u, [](U32 total, U32 x) { return total + x; });
    case kVmaxrF32:
      return Fold<float>(in, -std::numeric_limits<float>::infinity(), [](float total, float x) {
        return x > total || std::isnan(x) ? x : total;
      });
    default:
      return Fold<I32>(in, std::numeric_limits<I32>::min(),
                       [](I32 total, I32 x) { return std::max(total, x); });
  }
}

float VectorDatapath::RowSum(const uint8_t* row, int64_t cols) {
  if (cols == 0) return 0.0f;
  int64_t width =
      std::min(lanes_, static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(cols))));
  sums_.assign(static_cast<size_t>(width), 0.0f);
  for (int64_t begin = 0; begin < cols; begin += lanes_) {
    const int64_t count = std::min(lanes_, cols - begin);
    for (int64_t l = 0; l < count; ++l) {
      sums_[static_cast<size_t>(l)] += Load<float>(row + 4 * (begin + l));
    }
  }
  while (width > 1) {
    const int64_t half = (width + 1) / 2;
    for (int64_t l = 0; l + half < width; ++l) {
      sums_[static_cast<size_t>(l)] += sums_[static_cast<size_t>(l + half)];
    }
    width = half;
  }
  return sums_[0];
}

void VectorDatapath::Select(const Resolved& in) {
  const auto& v = in.values;
  if (v[3] == 0 || v[4] == 0) return;
  const int64_t a_step = (v[8] & kColumnA) != 0 ? 0 : 4, b_step = (v[8] & kColumnB) != 0 ? 0 : 4;
  for (int64_t r = 0; r < v[3]; ++r) {
    uint8_t* dst = At(kAcc, v[0] + r * v[5]);
    const uint8_t* a = At(kAcc, v[1] + r * v[6]);
    const uint8_t* b = At(kAcc, v[2] + r * v[7]);
    for (int64_t c = 0; c < v[4]; ++c, dst += 4) {
      Store(Load<U32>(Load<U32>(dst) != 0 ? a + c * a_step : b + c * b_step), dst);
    }
  }
}

void VectorDatapath::Fill(const Resolved& in) {
  const auto& v = in.values;
  if (v[2] == 0) return;
  for (int64_t r = 0; r < v[1]; ++r) {
    uint8_t* row = At(kAcc, v[0] + r * v[3]);
    for (int64_t c = 0; c < v[2]; ++c) Store<int32_t>(static_cast<int32_t>(v[4]), row + 4 * c);
  }
}

void VectorDatapath::ChannelRequantise(const Resolved& in) {
  const auto& v = in.values;
  if (v[3] == 0 || v[4] == 0) return;
  const uint8_t* channels = At(kL1, v[2]);
  Requantisation r = requantisation_;
  for (int64_t row = 0; row < v[3]; ++row) {
    uint8_t* dst = At(kL1, v[0] + row * v[5]);
    const uint8_t* src = At(kAcc, v[1] + row * v[6]);
    for (int64_t c = 0; c < v[4]; ++c) {
      r.multiplier = Load<int32_t>(channels + 8 * c);
      r.shift = std::min(Load<int32_t>(channels + 8 * c + 4) & 63, 62);
      Store<int8_t>(Requantise(Load<int32_t>(src + 4 * c), r), dst + c);
    }
  }
}

void VectorDatapath::MultiplyAdd(const Resolved& in) {
  const auto& v = in.values;
  if (v[3] == 0 || v[4] == 0) return;
  const uint8_t* weights = At(kL1, v[2]);
  for (int64_t r = 0; r < v[3]; ++r) {
    uint8_t* acc = At(kAcc, v[0] + r * v[5]);
    const uint8_t* src = At(kL1, v[1] + r * v[6]);
    for (int64_t c = 0; c < v[4]; ++c) {
      const int32_t product = static_cast<int8_t>(src[c]) * static_cast<int8_t>(weights[c]);
      Store<U32>(Load<U32>(acc + 4 * c) + static_cast<U32>(product), acc + 4 * c);
    }
  }
}

}  // namespace strata::chips::npu
