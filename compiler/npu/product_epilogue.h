// ProductEpilogue: the steps of a ProductGroup on a tile of C, in the accumulators.
//
// Tiles of operands (residuals) and rows (biases, requantisation's factors) come to L1 with the tile
// of C; rows are brought into the accumulators once for each tile's columns. Steps work in place where they can;
// results leave by the instruction that rounds or requantises.
#ifndef STRATA_COMPILER_NPU_PRODUCT_EPILOGUE_H_
#define STRATA_COMPILER_NPU_PRODUCT_EPILOGUE_H_

#include <array>
#include <memory>
#include <vector>

#include "compiler/npu/product_group.h"
#include "compiler/npu/tile_epilogue.h"
#include "compiler/npu/vector_ops.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

class ProductEpilogue : public TileEpilogue {
 public:
  // Keeps references to both.
  ProductEpilogue(const graph::Graph& region, const ProductGroup& group);

  // Where the region's inputs and outputs begin in DRAM. Before Load() and Run().
  void SetRegions(std::vector<int64_t> inputs, std::vector<int64_t> outputs);

  const EpilogueShape& shape() const override { return shape_; }
  void Load(const ProductLayout& layout, const TileOfC& tile, ProgramBuilder* builder) override;
  void Run(const ProductLayout& layout, const TileOfC& tile, ProgramBuilder* builder) override;

 private:
  // A tile or row that comes from DRAM.
  struct Operand {
    graph::ValueId value = 0;
    size_t slot = 0;  // tiles: in EpilogueShape::tile_bytes; rows: among the rows
  };

  void PlanSlots();
  void LoadRows(const ProductLayout& layout, const TileOfC& tile, ProgramBuilder* builder);
  void Interleave(const ProductLayout& layout, const TileOfC& tile, const graph::Node& requantize,
                  ProgramBuilder* builder);
  AccTile TileAt(const ProductLayout& layout, const TileOfC& tile, int slot) const;
  AccOperand OperandOf(const ProductLayout& layout, const TileOfC& tile, graph::ValueId value,
                       ScalarCells* cells) const;
  void Step(const ProductLayout& layout, const TileOfC& tile, const graph::Node& node,
            ScalarCells* cells, ProgramBuilder* builder);
  void StoreResults(const ProductLayout& layout, const TileOfC& tile, graph::ValueId value,
                    ProgramBuilder* builder);

  const graph::Graph& region_;
  const ProductGroup& group_;
  const int64_t columns_;  // of C
  std::vector<int64_t> inputs_, outputs_;
  EpilogueShape shape_;
  std::vector<Operand> tiles_, rows_;
  std::vector<int> slot_;          // by value: its tile in the accumulators
  std::vector<size_t> first_use_;  // by value: the step that first reads an operand
  const graph::Node* requantize_ = nullptr;
  std::array<int64_t, 2> rows_of_ = {-1, -1};  // by place: the columns whose rows are there
  std::array<std::unique_ptr<ScalarCells>, 2> cells_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_PRODUCT_EPILOGUE_H_
