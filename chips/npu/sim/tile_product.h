// The product of two tiles, as the array computes it.
//
// All types run through one kernel of f32 sums in order of k. For bf16 and fp8 that is the definition
// itself (chips/npu/ISA.md). For int8 it is exact: products of int8 are at most 2^14, so that sums of up to
// 1024 of them are whole numbers that f32 holds; longer sums are cut there and go on in integers.
#ifndef STRATA_CHIPS_NPU_SIM_TILE_PRODUCT_H_
#define STRATA_CHIPS_NPU_SIM_TILE_PRODUCT_H_

#include <cstdint>
#include <vector>

namespace strata::chips::npu {

enum class TileType : uint8_t { kI8, kBf16, kE4m3, kE5m2 };

enum class TileSum : uint8_t {
  kWrite,       // C = sum
  kAddAtEnd,    // C = C + sum
  kStartFromC,  // the sum starts from C
};

struct Tile {
  const uint8_t* a;  // [m, k], rows a_stride bytes apart
  const uint8_t* w;  // [k, n], rows w_stride bytes apart
  uint8_t* c;        // [m, n] of 4 bytes, rows c_stride bytes apart; int32 or f32
  int64_t m, k, n;
  int64_t a_stride, w_stride, c_stride;
};

// Elements of a tile's row as f32, exactly.
void ToFloats(TileType type, const uint8_t* from, int64_t count, float* to);

// Keeps its buffers from call to call.
class TileProduct {
 public:
  void Run(TileType type, TileSum sum, const Tile& tile);

 private:
  void Block(TileType type, TileSum sum, const Tile& tile);

  std::vector<float> a_, w_, sums_;
};

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_TILE_PRODUCT_H_
