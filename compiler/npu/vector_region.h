// VectorRegion: a region of elementwise ops, casts and row reductions as one space of rows and columns.
//
//   STRATA_ASSIGN_OR_RETURN(const VectorRegion region, VectorRegion::Of(graph));
//   region.rows, region.cols;                   // of a block of the space; region.outer blocks
//   region.values[id].by_row;                   // whether the value differs from row to row
//
// All values of such a region are broadcast against one another: they live in one space of dims, and
// each has each dim in full or not at all. Dims that no value tells apart are joined. The last of what
// remains are the columns (with a reduction: what it sums over, which must be the last dims), the one
// before it are the rows, the rest is `outer`. For softmax of [B, H, T, S] under a mask of [T, S]: outer
// {B H}, rows T, cols S.
#ifndef STRATA_COMPILER_NPU_VECTOR_REGION_H_
#define STRATA_COMPILER_NPU_VECTOR_REGION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/status.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

struct VectorValue {
  chips::DType dtype = chips::DTYPE_UNSPECIFIED;
  bool by_row = false, by_column = false;
  // In elements, where the value is an array in DRAM: from block to block of each outer dim, and from
  // row to row.
  std::vector<int64_t> outer_strides;
  int64_t row_stride = 0;
  int64_t elements = 1;
  std::optional<double> constant;  // every element is this
  bool iota = false;               // its elements are 0, 1, 2, ...: an array in DRAM
  graph::ValueId source = 0;       // the value that holds the same numbers; itself when none does

  // The same for all blocks of rows.
  bool IsFixed() const;
};

struct VectorRegion {
  std::vector<int64_t> outer;
  int64_t rows = 1, cols = 1;
  bool reduces = false;                   // rows must stay whole
  std::vector<VectorValue> values;        // by value id
  std::vector<const graph::Node*> steps;  // what is to be computed, in order; of the graph

  // Keeps pointers into the graph. UNIMPLEMENTED, with a phrase fit for a Step's reason, for what the
  // vector unit or this form cannot do.
  static absl::StatusOr<VectorRegion> Of(const graph::Graph& graph);
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_VECTOR_REGION_H_
