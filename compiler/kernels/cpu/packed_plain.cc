// Packed products in plain C++: what packed_kernel.h says, step by step.
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "chips/numerics/float16.h"
#include "chips/numerics/q8_row.h"
#include "compiler/kernels/cpu/packed_kernel.h"

namespace strata::compiler {
namespace {

using chips::PackedForm;
using chips::PackedLayout;

template <typename T>
T At(const uint8_t* p, int64_t i) {
  T value;
  std::memcpy(&value, p + i * static_cast<int64_t>(sizeof value), sizeof value);
  return value;
}
template <typename T>
void Put(uint8_t* p, int64_t i, T value) {
  std::memcpy(p + i * static_cast<int64_t>(sizeof value), &value, sizeof value);
}

int32_t SumOf(const int8_t* codes, int count) {
  int32_t sum = 0;
  for (int i = 0; i < count; ++i) sum += codes[i];
  return sum;
}

// Row t of a panel of T: one block of int8.
void PutBlock(const PackedLayout& layout, const int8_t* codes, float scale, int64_t T, int64_t t,
              uint8_t* block) {
  for (int64_t j = 0; j < 8; ++j) std::memcpy(block + 4 * (j * T + t), codes + 4 * j, 4);
  Put(block + 32 * T, t, scale);
  uint8_t* extra = block + 36 * T;
  if (layout.form == PackedForm::kSuperSix) {
    Put(extra, t, -layout.offset * SumOf(codes, 16));
    Put(extra, T + t, -layout.offset * SumOf(codes + 16, 16));
  } else if (HasMin(layout.form)) {
    Put(extra, t, static_cast<float>(SumOf(codes, 32)));
  } else {
    Put(extra, t, -layout.offset * SumOf(codes, 32));
  }
}

void RoundCodes(const PackedLayout& layout, int64_t K, const float* const* x, int count,
                uint8_t* panel) {
  const int64_t bytes = count * PanelBlockBytes(layout);
  for (int t = 0; t < count; ++t) {
    for (int64_t b = 0; b < K / 32; ++b) {
      int8_t codes[32];
      float scale;
      chips::RoundRowQ8(x[t] + 32 * b, 1, codes, &scale);
      PutBlock(layout, codes, scale, count, t, panel + b * bytes);
    }
  }
}

void Round(const PackedLayout& layout, int64_t K, const float* const* x, int count,
           uint8_t* panel) {
  if (!IsFloatForm(layout.form)) return RoundCodes(layout, K, x, count, panel);
  const bool bf16 = layout.form == PackedForm::kBf16Pair;
  for (int t = 0; t < count; ++t) {
    for (int64_t k = 0; k < K; ++k) {
      if (bf16) {
        Put(panel, (k / 2 * count + t) * 2 + k % 2, chips::FloatToBf16(x[t][k]));
      } else {
        Put(panel, k * count + t, x[t][k]);
      }
    }
    if (bf16 && K % 2 != 0) Put(panel, (K / 2 * count + t) * 2 + 1, uint16_t{0});
  }
}

// Sum of weights' codes times x's over elements [begin, end) of a block.
int32_t Products(const chips::PackedBlock& w, const uint8_t* block, int64_t T, int64_t t, int begin,
                 int end) {
  int32_t sum = 0;
  for (int i = begin; i < end; ++i)
    sum += w.codes[i] * At<int8_t>(block, 4 * (i / 4 * T + t) + i % 4);
  return sum;
}

float CodesDot(const PackedTile& tile, int64_t row, int64_t T, int64_t t) {
  const PackedLayout& layout = tile.layout;
  const int64_t bytes = T * PanelBlockBytes(layout);
  float y = 0;
  for (int64_t b = 0; b < tile.K / 32; ++b) {
    const chips::PackedBlock w = chips::UnpackBlock(layout, tile.group, tile.K, row, b);
    const uint8_t* block = tile.panel + b * bytes;
    const uint8_t* extra = block + 36 * T;
    float g;
    if (layout.form == PackedForm::kSuperSix) {
      const int32_t low = Products(w, block, T, t, 0, 16) + At<int32_t>(extra, t);
      const int32_t high = Products(w, block, T, t, 16, 32) + At<int32_t>(extra, T + t);
      g = std::fma(static_cast<float>(high), w.scale[1], static_cast<float>(low) * w.scale[0]);
    } else if (HasMin(layout.form)) {
      const auto sum = static_cast<float>(Products(w, block, T, t, 0, 32));
      g = std::fma(sum, w.scale[0], -(w.min * At<float>(extra, t)));
    } else {
      g = static_cast<float>(Products(w, block, T, t, 0, 32) + At<int32_t>(extra, t)) * w.scale[0];
    }
    y = std::fma(g, At<float>(block + 32 * T, t), y);
  }
  return y;
}

float FloatsDot(const PackedTile& tile, int64_t row, int64_t T, int64_t t) {
  float y = 0;
  for (int64_t k = 0; k < tile.K; ++k) {
    float w, x = 0;
    if (tile.layout.form == PackedForm::kBf16Pair) {
      w = chips::Bf16ToFloat(At<uint16_t>(tile.group, 32 * (k / 2) + 2 * row + k % 2));
      x = chips::Bf16ToFloat(At<uint16_t>(tile.panel, (k / 2 * T + t) * 2 + k % 2));
    } else {
      w = tile.layout.form == PackedForm::kHalf
              ? chips::Fp16ToFloat(At<uint16_t>(tile.group, 16 * k + row))
              : At<float>(tile.group, 16 * k + row);
      x = At<float>(tile.panel, k * T + t);
    }
    y = std::fma(w, x, y);
  }
  return y;
}

template <int T>
void Tile(const PackedTile& tile) {
  const bool floats = IsFloatForm(tile.layout.form);
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t row = 0; row < tile.columns; ++row)
      tile.y[t][row] = floats ? FloatsDot(tile, row, T, t) : CodesDot(tile, row, T, t);
  }
}

template <int... kCounts>
PackedKernel MakeKernel(std::integer_sequence<int, kCounts...>) {
  return {"plain C++", Round, {nullptr, Tile<kCounts + 1>...}};
}

}  // namespace

int64_t PanelBlockBytes(const PackedLayout& layout) {
  return layout.form == PackedForm::kSuperSix ? 44 : 40;
}

int64_t PanelBytes(const PackedLayout& layout, int64_t K) {
  if (layout.form == PackedForm::kBf16Pair) return (K + 1) / 2 * 4;
  if (IsFloatForm(layout.form)) return 4 * K;
  return K / 32 * PanelBlockBytes(layout);
}

const PackedKernel& PlainPackedKernel() {
  static const PackedKernel kernel = MakeKernel(std::make_integer_sequence<int, kPackedTileRows>());
  return kernel;
}

}  // namespace strata::compiler
