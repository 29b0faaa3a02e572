#include "chips/npu/sim/tile_product.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "chips/numerics/format.h"

namespace strata::chips::npu {
namespace {

constexpr int64_t kColumns = 16;       // of the kernel's block
constexpr int64_t kExactDepth = 1024;  // int8 products whose sum f32 holds: 1024 * 2^14 = 2^24

float FromBf16(const uint8_t* bytes) {
  const uint32_t bits = static_cast<uint32_t>(bytes[0]) << 16 | static_cast<uint32_t>(bytes[1])
                                                                    << 24;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

std::array<float, 256> Table(Format format) {
  std::array<float, 256> table;
  for (uint32_t code = 0; code < 256; ++code) {
    table[code] = static_cast<float>(Decode(format, code));
  }
  return table;
}

// sums[j] += sum over k of a[k] w[k][j], in order of k, for one block of columns.
void AddBlock(const float* a, const float* w, int64_t k, int64_t pitch, float* sums) {
  float s[kColumns];
  std::memcpy(s, sums, sizeof(s));
  for (int64_t i = 0; i < k; ++i) {
    const float x = a[i];
    const float* row = w + i * pitch;
    for (int64_t j = 0; j < kColumns; ++j) s[j] += x * row[j];
  }
  std::memcpy(sums, s, sizeof(s));
}

void AddInt(const float* sums, int64_t n, bool add, uint8_t* c) {
  for (int64_t j = 0; j < n; ++j) {
    uint32_t value = static_cast<uint32_t>(static_cast<int32_t>(sums[j]));
    uint32_t old = 0;
    if (add) std::memcpy(&old, c + 4 * j, 4);
    value += old;
    std::memcpy(c + 4 * j, &value, 4);
  }
}

void AddFloat(const float* sums, int64_t n, bool add, uint8_t* c) {
  if (!add) {
    std::memcpy(c, sums, static_cast<size_t>(4 * n));
    return;
  }
  for (int64_t j = 0; j < n; ++j) {
    float value;
    std::memcpy(&value, c + 4 * j, 4);
    value += sums[j];
    std::memcpy(c + 4 * j, &value, 4);
  }
}

}  // namespace

void ToFloats(TileType type, const uint8_t* from, int64_t count, float* to) {
  static const std::array<float, 256> e4m3 = Table(Format::kE4M3), e5m2 = Table(Format::kE5M2);
  switch (type) {
    case TileType::kI8:
      for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(static_cast<int8_t>(from[i]));
      return;
    case TileType::kBf16:
      for (int64_t i = 0; i < count; ++i) to[i] = FromBf16(from + 2 * i);
      return;
    case TileType::kE4m3:
    case TileType::kE5m2: {
      const std::array<float, 256>& table = type == TileType::kE4m3 ? e4m3 : e5m2;
      for (int64_t i = 0; i < count; ++i) to[i] = table[from[i]];
      return;
    }
  }
}

void TileProduct::Run(TileType type, TileSum sum, const Tile& tile) {
  if (tile.m == 0 || tile.n == 0) return;
  if (type != TileType::kI8 || tile.k <= kExactDepth) {
    Block(type, sum, tile);
    return;
  }
  for (int64_t k = 0; k < tile.k; k += kExactDepth) {
    Tile part = tile;
    part.a += k;
    part.w += k * tile.w_stride;
    part.k = std::min(kExactDepth, tile.k - k);
    Block(type, k == 0 ? sum : TileSum::kAddAtEnd, part);
  }
}

void TileProduct::Block(TileType type, TileSum sum, const Tile& tile) {
  const int64_t pitch = (tile.n + kColumns - 1) / kColumns * kColumns;
  w_.assign(static_cast<size_t>(std::max<int64_t>(tile.k, 1) * pitch), 0.0f);
  for (int64_t k = 0; k < tile.k; ++k) {
    ToFloats(type, tile.w + k * tile.w_stride, tile.n, w_.data() + k * pitch);
  }
  a_.resize(static_cast<size_t>(tile.k));
  sums_.resize(static_cast<size_t>(pitch));
  const bool integer = type == TileType::kI8;
  const bool start = sum == TileSum::kStartFromC && !integer;
  const bool add = sum != TileSum::kWrite && !start;
  for (int64_t m = 0; m < tile.m; ++m) {
    uint8_t* c = tile.c + m * tile.c_stride;
    ToFloats(type, tile.a + m * tile.a_stride, tile.k, a_.data());
    std::fill(sums_.begin(), sums_.end(), 0.0f);
    if (start) std::memcpy(sums_.data(), c, static_cast<size_t>(4 * tile.n));
    for (int64_t j = 0; j < pitch; j += kColumns) {
      AddBlock(a_.data(), w_.data() + j, tile.k, pitch, sums_.data() + j);
    }
    (integer ? AddInt : AddFloat)(sums_.data(), tile.n, add, c);
  }
}

}  // namespace strata::chips::npu
