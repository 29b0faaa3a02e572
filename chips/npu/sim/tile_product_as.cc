#include "chips/npu/sim/tile_product_as.h"

#include <cstring>

#include "absl/types/span.h"
#include "chips/numerics/matmul_as.h"

namespace strata::chips::npu {
namespace {

Format FormatOf(TileType type) {
  switch (type) {
    case TileType::kE4m3:
      return Format::kE4M3;
    case TileType::kE5m2:
      return Format::kE5M2;
    default:
      return Format::kBf16;
  }
}

// Rows that lie apart, one behind the other.
void Gather(TileType type, const uint8_t* from, int64_t rows, int64_t columns, int64_t stride,
            std::vector<float>* to) {
  to->resize(static_cast<size_t>(rows * columns));
  for (int64_t r = 0; r < rows; ++r)
    ToFloats(type, from + r * stride, columns, to->data() + r * columns);
}

}  // namespace

bool TileProductAs::Has(Generation generation, TileType type) {
  return type != TileType::kI8 && FindDotRule(generation, FormatOf(type)).ok();
}

void TileProductAs::Run(TileType type, TileSum sum, const Tile& tile) {
  if (tile.m == 0 || tile.n == 0) return;
  Gather(type, tile.a, tile.m, tile.k, tile.a_stride, &a_);
  Gather(type, tile.w, tile.k, tile.n, tile.w_stride, &w_);
  c_.assign(static_cast<size_t>(tile.m * tile.n), 0.0f);
  const size_t row_bytes = static_cast<size_t>(4 * tile.n);
  if (sum != TileSum::kWrite) {
    for (int64_t r = 0; r < tile.m; ++r)
      std::memcpy(c_.data() + r * tile.n, tile.c + r * tile.c_stride, row_bytes);
  }
  // Sizes fit by construction, and Has() has found the rule.
  MatmulAs(*FindDotRule(generation_, FormatOf(type)), {tile.m, tile.n, tile.k}, a_, w_, c_,
           absl::MakeSpan(c_))
      .IgnoreError();
  for (int64_t r = 0; r < tile.m; ++r)
    std::memcpy(tile.c + r * tile.c_stride, c_.data() + r * tile.n, row_bytes);
}

}  // namespace strata::chips::npu
