// Packed products in plain C++: what packed_kernel.h says, step by step.
#include <algorithm>
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

// One block of 32 of T rows of x, out of a panel.
template <int T>
struct InputBlock {
  InputBlock(const PackedLayout& layout, const uint8_t* block) {
    const uint8_t* extra = block + 36 * T;
    for (int t = 0; t < T; ++t) {
      for (int64_t j = 0; j < 8; ++j) std::memcpy(codes[t] + 4 * j, block + 4 * (j * T + t), 4);
      scale[t] = At<float>(block + 32 * T, t);
      sum[t] = HasMin(layout.form) ? At<float>(extra, t) : 0;
      start[0][t] = HasMin(layout.form) ? 0 : At<int32_t>(extra, t);
      start[1][t] = layout.form == PackedForm::kSuperSix ? At<int32_t>(extra, T + t) : 0;
    }
  }

  int8_t codes[T][32];
  float scale[T], sum[T];
  int32_t start[2][T];  // minus the offset's part of the sums: of all 32, or of the halves
};

int32_t Products(const uint8_t* w, const int8_t* x, int count) {
  int32_t sum = 0;
  for (int i = 0; i < count; ++i) sum += w[i] * x[i];
  return sum;
}

// What a block adds to a row's sum, before x's scale.
template <int T>
float BlockTerm(PackedForm form, const chips::PackedBlock& w, const InputBlock<T>& x, int t) {
  if (form == PackedForm::kSuperSix) {
    const int32_t low = Products(w.codes, x.codes[t], 16) + x.start[0][t];
    const int32_t high = Products(w.codes + 16, x.codes[t] + 16, 16) + x.start[1][t];
    return std::fma(static_cast<float>(high), w.scale[1], static_cast<float>(low) * w.scale[0]);
  }
  const auto sum = static_cast<float>(Products(w.codes, x.codes[t], 32) + x.start[0][t]);
  return HasMin(form) ? std::fma(sum, w.scale[0], -(w.min * x.sum[t])) : sum * w.scale[0];
}

template <int T>
void CodesTile(const PackedTile& tile) {
  const PackedLayout& layout = tile.layout;
  float y[T][chips::kPackedRows] = {};
  for (int64_t b = 0; b < tile.K / 32; ++b) {
    const InputBlock<T> x(layout, tile.panel + b * T * PanelBlockBytes(layout));
    for (int64_t row = 0; row < tile.columns; ++row) {
      const chips::PackedBlock w = chips::UnpackBlock(layout, tile.group, row, b);
      for (int t = 0; t < T; ++t)
        y[t][row] = std::fma(BlockTerm(layout.form, w, x, t), x.scale[t], y[t][row]);
    }
  }
  for (int t = 0; t < T; ++t) std::copy_n(y[t], tile.columns, tile.y[t]);
}

float WeightAt(PackedForm form, const uint8_t* group, int64_t row, int64_t k) {
  if (form == PackedForm::kBf16Pair)
    return chips::Bf16ToFloat(At<uint16_t>(group, 32 * (k / 2) + 2 * row + k % 2));
  if (form == PackedForm::kHalf) return chips::Fp16ToFloat(At<uint16_t>(group, 16 * k + row));
  return At<float>(group, 16 * k + row);
}

template <int T>
void FloatsTile(const PackedTile& tile) {
  const bool bf16 = tile.layout.form == PackedForm::kBf16Pair;
  float y[T][chips::kPackedRows] = {};
  for (int64_t k = 0; k < tile.K; ++k) {
    float x[T];
    for (int t = 0; t < T; ++t) {
      x[t] = bf16 ? chips::Bf16ToFloat(At<uint16_t>(tile.panel, (k / 2 * T + t) * 2 + k % 2))
                  : At<float>(tile.panel, k * T + t);
    }
    for (int64_t row = 0; row < tile.columns; ++row) {
      const float w = WeightAt(tile.layout.form, tile.group, row, k);
      for (int t = 0; t < T; ++t) y[t][row] = std::fma(w, x[t], y[t][row]);
    }
  }
  for (int t = 0; t < T; ++t) std::copy_n(y[t], tile.columns, tile.y[t]);
}

template <int T>
void Tile(const PackedTile& tile) {
  return IsFloatForm(tile.layout.form) ? FloatsTile<T>(tile) : CodesTile<T>(tile);
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
