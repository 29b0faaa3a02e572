// TileEpilogue: what a product kernel does with a tile of C in the accumulators.
//
// The product's loop calls Load() before the products of a tile, Run() after them. A tile's places in
// L1 and in the accumulators are those of ProductLayout, number `place` of each.
#ifndef STRATA_COMPILER_NPU_TILE_EPILOGUE_H_
#define STRATA_COMPILER_NPU_TILE_EPILOGUE_H_

#include <cstdint>

#include "compiler/npu/product_tiling.h"
#include "compiler/npu/program_builder.h"

namespace strata::compiler {

// Rows [row, row + rows) and columns [column, column + columns) of C, all products one below the other.
struct TileOfC {
  int64_t row = 0, rows = 0, column = 0, columns = 0;
  int64_t place = 0;
};

class TileEpilogue {
 public:
  virtual ~TileEpilogue() = default;
  virtual const EpilogueShape& shape() const = 0;
  // Operands of the tile from DRAM to L1.
  virtual void Load(const ProductLayout& layout, const TileOfC& tile, ProgramBuilder* builder) = 0;
  // The tile's elements from the accumulators to results in DRAM.
  virtual void Run(const ProductLayout& layout, const TileOfC& tile, ProgramBuilder* builder) = 0;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_TILE_EPILOGUE_H_
