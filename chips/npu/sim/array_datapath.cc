#include "chips/npu/sim/array_datapath.h"

#include <algorithm>
#include <cstring>

#include "chips/npu/isa/array_isa.h"
#include "chips/npu/sim/tile_product.h"
#include "chips/numerics/float16.h"

namespace strata::chips::npu {
namespace {

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

struct Requantisation {
  int64_t multiplier = 1;
  int64_t shift = 0;
  int64_t zero = 0;
  int64_t low = -128;
  int64_t high = 127;
};

int8_t Requantise(int32_t x, const Requantisation& r) {
  const int64_t half = r.shift == 0 ? 0 : int64_t{1} << (r.shift - 1);
  const __int128 product = static_cast<__int128>(x) * r.multiplier + half;
  const __int128 value = r.zero + (product >> r.shift);
  return static_cast<int8_t>(std::clamp<__int128>(value, r.low, r.high));
}

template <typename T>
T Relu(T x) {
  return x > T{0} ? x : T{0};
}

class ArrayDatapath : public Datapath {
 public:
  ArrayDatapath(int64_t plane_pitch, int64_t plane_bytes, MemoryImage* image)
      : plane_pitch_(plane_pitch), plane_bytes_(plane_bytes), image_(*image) {}

  void Execute(const Resolved& in) override {
    switch (in.row->opcode) {
      case kLdL2:
        return Copy(in, kL2, kDram);
      case kLdL1:
        return Copy(in, kL1, kDram);
      case kMvL1:
        return Copy(in, kL1, kL2);
      case kMvL2:
        return Copy(in, kL2, kL1);
      case kStL2:
        return Copy(in, kDram, kL2);
      case kStL1:
        return Copy(in, kDram, kL1);
      case kLdwI8:
        return Weights(in, 1);
      case kLdwBf16:
        return Weights(in, 2);
      case kMmI8:
        return Stream(in, TileType::kI8, TileSum::kWrite);
      case kMmaI8:
        return Stream(in, TileType::kI8, TileSum::kAddAtEnd);
      case kMmBf16:
        return Stream(in, TileType::kBf16, TileSum::kWrite);
      case kMmaBf16:
        return Stream(in, TileType::kBf16, TileSum::kAddAtEnd);
      case kMmoI8:
        return Output(in, TileType::kI8, TileSum::kWrite);
      case kMmoaI8:
        return Output(in, TileType::kI8, TileSum::kStartFromC);
      case kMmoBf16:
        return Output(in, TileType::kBf16, TileSum::kWrite);
      case kMmoaBf16:
        return Output(in, TileType::kBf16, TileSum::kStartFromC);
      default:
        return Vector(in);
    }
  }

 private:
  uint8_t* At(int memory, int64_t address) {
    return image_[static_cast<size_t>(memory)].data() + address;
  }

  void CopyRows(uint8_t* to, int64_t to_stride, const uint8_t* from, int64_t from_stride,
                int64_t rows, int64_t bytes) {
    if (bytes == 0) return;
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(to + r * to_stride, from + r * from_stride, static_cast<size_t>(bytes));
    }
  }

  void Copy(const Resolved& in, int to, int from) {
    const auto& v = in.values;
    if (v[2] == 0 || v[3] == 0) return;
    CopyRows(At(to, v[0]), v[4], At(from, v[1]), v[5], v[2], v[3]);
  }

  void Weights(const Resolved& in, int64_t bytes) {
    const auto& v = in.values;
    if (v[2] == 0 || v[3] == 0) return;
    CopyRows(At(kPlane, v[0] * plane_bytes_), plane_pitch_, At(kL1, v[1]), v[4], v[2],
             v[3] * bytes);
  }

  void Stream(const Resolved& in, TileType type, TileSum sum) {
    const auto& v = in.values;
    if (v[3] == 0 || v[5] == 0) return;
    product_.Run(type, sum,
                 {v[4] == 0 ? nullptr : At(kL1, v[1]), At(kPlane, v[2] * plane_bytes_),
                  At(kAcc, v[0]), v[3], v[4], v[5], v[7], plane_pitch_, v[6]});
  }

  void Output(const Resolved& in, TileType type, TileSum sum) {
    const auto& v = in.values;
    if (v[3] == 0 || v[5] == 0) return;
    product_.Run(type, sum,
                 {v[4] == 0 ? nullptr : At(kL1, v[1]), v[4] == 0 ? nullptr : At(kL1, v[2]),
                  At(kAcc, v[0]), v[3], v[4], v[5], v[7], v[8], v[6]});
  }

  // dst[r][c] = op(src[r][c], dst[r][c]).
  template <typename To, typename From, typename Op>
  void Map(const Resolved& in, int to, int from, Op op) {
    const auto& v = in.values;
    if (v[2] == 0 || v[3] == 0) return;
    uint8_t* dst = At(to, v[0]);
    const uint8_t* src = At(from, v[1]);
    for (int64_t r = 0; r < v[2]; ++r, dst += v[4], src += v[5]) {
      for (int64_t c = 0; c < v[3]; ++c) {
        uint8_t* place = dst + c * static_cast<int64_t>(sizeof(To));
        const From x = Load<From>(src + c * static_cast<int64_t>(sizeof(From)));
        Store<To>(op(x, Load<To>(place)), place);
      }
    }
  }

  template <typename T, typename Op>
  void Bias(const Resolved& in, Op op) {
    const auto& v = in.values;
    if (v[2] == 0 || v[3] == 0) return;
    const uint8_t* bias = At(kL1, v[1]);
    for (int64_t r = 0; r < v[2]; ++r) {
      uint8_t* row = At(kAcc, v[0] + r * v[4]);
      for (int64_t c = 0; c < v[3]; ++c) {
        Store<T>(op(Load<T>(row + 4 * c), Load<T>(bias + 4 * c)), row + 4 * c);
      }
    }
  }

  void ChannelRequantise(const Resolved& in) {
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

  void Fill(const Resolved& in) {
    const auto& v = in.values;
    if (v[2] == 0) return;
    for (int64_t r = 0; r < v[1]; ++r) {
      uint8_t* row = At(kAcc, v[0] + r * v[3]);
      for (int64_t c = 0; c < v[2]; ++c) Store<int32_t>(static_cast<int32_t>(v[4]), row + 4 * c);
    }
  }

  void Vector(const Resolved& in) {
    const auto& v = in.values;
    switch (in.row->opcode) {
      case kVcfg:
        requantisation_ = {v[0], v[1], v[2], v[3], v[4]};
        return;
      case kVfill:
        return Fill(in);
      case kVin:
        return Map<uint32_t, uint32_t>(in, kAcc, kL1, [](uint32_t x, uint32_t) { return x; });
      case kVout:
        return Map<uint32_t, uint32_t>(in, kL1, kAcc, [](uint32_t x, uint32_t) { return x; });
      case kVquantI8:
        return Map<int8_t, int32_t>(
            in, kL1, kAcc, [this](int32_t x, int8_t) { return Requantise(x, requantisation_); });
      case kVcastBf16:
        return Map<uint16_t, float>(in, kL1, kAcc,
                                    [](float x, uint16_t) { return FloatToBf16(x); });
      case kVwidenI8:
        return Map<int32_t, int8_t>(in, kAcc, kL1, [](int8_t x, int32_t) { return x; });
      case kVwidenBf16:
        return Map<float, uint16_t>(in, kAcc, kL1,
                                    [](uint16_t x, float) { return Bf16ToFloat(x); });
      case kVbiasI32:
        return Bias<uint32_t>(in, [](uint32_t x, uint32_t b) { return x + b; });
      case kVbiasF32:
        return Bias<float>(in, [](float x, float b) { return x + b; });
      case kVreluI32:
        return Map<int32_t, int32_t>(in, kAcc, kAcc, [](int32_t x, int32_t) { return Relu(x); });
      case kVreluF32:
        return Map<float, float>(in, kAcc, kAcc, [](float x, float) { return Relu(x); });
      case kVaddI32:
        return Map<uint32_t, uint32_t>(in, kAcc, kAcc,
                                       [](uint32_t x, uint32_t y) { return y + x; });
      case kVaddF32:
        return Map<float, float>(in, kAcc, kAcc, [](float x, float y) { return y + x; });
      case kVmaxI32:
        return Map<int32_t, int32_t>(in, kAcc, kAcc,
                                     [](int32_t x, int32_t y) { return x > y ? x : y; });
      case kVmaxF32:
        return Map<float, float>(in, kAcc, kAcc, [](float x, float y) { return x > y ? x : y; });
      case kVmulI32:
        return Map<uint32_t, uint32_t>(in, kAcc, kAcc,
                                       [](uint32_t x, uint32_t y) { return y * x; });
      case kVquantcI8:
        return ChannelRequantise(in);
      case kVmulF32:
        return Map<float, float>(in, kAcc, kAcc, [](float x, float y) { return y * x; });
      default:
        return;
    }
  }

  const int64_t plane_pitch_, plane_bytes_;
  MemoryImage& image_;
  Requantisation requantisation_;
  TileProduct product_;
};

}  // namespace

std::unique_ptr<Datapath> NewArrayDatapath(int64_t plane_pitch, int64_t plane_bytes,
                                           MemoryImage* image) {
  return std::make_unique<ArrayDatapath>(plane_pitch, plane_bytes, image);
}

}  // namespace strata::chips::npu
