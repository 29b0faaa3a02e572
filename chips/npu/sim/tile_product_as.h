// The product of two tiles as a chip's tensor cores compute it (chips/numerics/tensor_core.h), in place of
// the array's own order of sums.
//
//   TileProductAs product(Generation::kHopper);
//   if (product.Has(TileType::kBf16)) product.Run(TileType::kBf16, TileSum::kWrite, tile);
//
// The accumulators take the place of the unit's C: a sum that goes on from an earlier instruction is one chain
// of groups, as on the chip, as long as the earlier instruction's k was whole groups.
#ifndef STRATA_CHIPS_NPU_SIM_TILE_PRODUCT_AS_H_
#define STRATA_CHIPS_NPU_SIM_TILE_PRODUCT_AS_H_

#include <vector>

#include "chips/npu/sim/tile_product.h"
#include "chips/numerics/tensor_core.h"

namespace strata::chips::npu {

// Keeps its buffers from call to call.
class TileProductAs {
 public:
  explicit TileProductAs(Generation generation) : generation_(generation) {}

  // Whether the generation has a unit for the type. It has none for int8 here, whose sums are exact anyhow.
  static bool Has(Generation generation, TileType type);

  // Of a type that Has() is true of.
  void Run(TileType type, TileSum sum, const Tile& tile);

 private:
  Generation generation_;
  std::vector<float> a_, w_, c_;
};

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_TILE_PRODUCT_AS_H_
