#include "chips/npu/davinci/cube_product.h"

#include <algorithm>
#include <cstring>

#include "chips/npu/davinci/davinci_isa.h"
#include "chips/numerics/float16.h"

namespace strata::chips::npu::davinci {
namespace {

constexpr int64_t kExactDepth = 1024;  // int8 products whose sum f32 holds: 1024 * 2^14 = 2^24
constexpr int64_t kRows = 2;           // of C that the kernel holds at once

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

float Element(const uint8_t* row, int64_t index, bool half) {
  if (!half) return static_cast<float>(static_cast<int8_t>(row[index]));
  uint16_t bits;
  std::memcpy(&bits, row + 2 * index, sizeof(bits));
  return Fp16ToFloat(bits);
}

// The columns [begin, end) of k of one row of a fractal operand whose fractals lie `pitch` bytes apart;
// `to` gets an element each `step`.
void Unpack(const uint8_t* from, int64_t pitch, int64_t begin, int64_t end, bool half, int64_t step,
            float* to) {
  const int64_t k0 = half ? kFractalRowBytes / 2 : kFractalRowBytes;
  for (int64_t k = begin; k < end;) {
    const uint8_t* row = from + k / k0 * pitch;
    const int64_t stop = std::min(end, (k / k0 + 1) * k0);
    for (; k < stop; ++k, to += step) *to = Element(row, k % k0, half);
  }
}

// sums[r][j] += sum over k of a[r][k] b[k][j], in order of k.
void AddBlock(const float* a, int64_t a_pitch, const float* b, int64_t k, float* sums) {
  float s[kRows][kSide];
  std::memcpy(s, sums, sizeof(s));
  for (int64_t i = 0; i < k; ++i) {
    const float* row = b + i * kSide;
    for (int64_t r = 0; r < kRows; ++r) {
      const float x = a[r * a_pitch + i];
      for (int64_t j = 0; j < kSide; ++j) s[r][j] += x * row[j];
    }
  }
  std::memcpy(sums, s, sizeof(s));
}

// A row of a block of C; columns from n on take no sum.
void StoreInts(const float* sums, int64_t n, bool add, uint8_t* c) {
  for (int64_t j = 0; j < kSide; ++j) {
    uint32_t old = 0;
    if (add) std::memcpy(&old, c + 4 * j, 4);
    const uint32_t value = old + (j < n ? static_cast<uint32_t>(static_cast<int32_t>(sums[j])) : 0);
    std::memcpy(c + 4 * j, &value, 4);
  }
}

void StoreFloats(const float* sums, int64_t n, bool add, uint8_t* c) {
  const size_t used = static_cast<size_t>(4 * n);
  std::memcpy(c, sums, used);
  if (!add) std::memset(c + used, 0, static_cast<size_t>(kCRowBytes) - used);
}

}  // namespace

void CubeProduct::Run(const CubeOperands& o) {
  if (o.m == 0 || o.n == 0) return;
  const int64_t depth = o.half ? std::max<int64_t>(o.k, 1) : kExactDepth;
  Chunk(o, 0, std::min(depth, o.k), o.add);
  for (int64_t k = depth; k < o.k; k += depth) Chunk(o, k, std::min(k + depth, o.k), true);
}

void CubeProduct::Chunk(const CubeOperands& o, int64_t k_begin, int64_t k_end, bool add) {
  const int64_t k = k_end - k_begin;
  const int64_t k0 = o.half ? kFractalRowBytes / 2 : kFractalRowBytes;
  const int64_t k_blocks = CeilDiv(o.k, k0), n_blocks = CeilDiv(o.n, kSide);
  const int64_t m_rows = CeilDiv(o.m, kSide) * kSide;
  b_.resize(static_cast<size_t>(std::max<int64_t>(n_blocks * k * kSide, 1)));
  for (int64_t n = 0; n < n_blocks * kSide; ++n) {
    const uint8_t* column = o.b + n / kSide * kFractalBytes + n % kSide * kFractalRowBytes;
    Unpack(column, n_blocks * kFractalBytes, k_begin, k_end, o.half, kSide,
           b_.data() + n / kSide * k * kSide + n % kSide);
  }
  a_.assign(static_cast<size_t>(std::max<int64_t>(kRows * k, 1)), 0.0f);
  for (int64_t m = 0; m < o.m; m += kRows) {
    const int64_t rows = std::min(kRows, o.m - m);
    for (int64_t r = 0; r < rows; ++r) {
      const uint8_t* row =
          o.a + (m + r) / kSide * k_blocks * kFractalBytes + (m + r) % kSide * kFractalRowBytes;
      Unpack(row, kFractalBytes, k_begin, k_end, o.half, 1, a_.data() + r * k);
    }
    for (int64_t block = 0; block < n_blocks; ++block) {
      uint8_t* c = o.c + (block * m_rows + m) * kCRowBytes;
      float sums[kRows][kSide] = {};
      if (o.half && add) std::memcpy(sums, c, static_cast<size_t>(rows * kCRowBytes));
      AddBlock(a_.data(), k, b_.data() + block * k * kSide, k, sums[0]);
      const int64_t n = std::min(kSide, o.n - block * kSide);
      for (int64_t r = 0; r < rows; ++r) {
        (o.half ? StoreFloats : StoreInts)(sums[r], n, add, c + r * kCRowBytes);
      }
    }
  }
}

}  // namespace strata::chips::npu::davinci
