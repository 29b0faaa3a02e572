// DavinciTail: what the vector unit of a DaVinci core does with a tile of C in UB, and its way to GM.
//
//   DavinciTail tail(group, machine, {addresses of inputs}, {addresses of outputs}, &builder);
//   tail.BeginPanel(column, columns);                // brings biases and the like
//   const int64_t rows = tail.MaxRows(columns);      // of a tile
//   const DavinciTile tile = {row, rows, column, columns};
//   ... the head writes tail.HeadAddress(tile), rows tail.HeadPitch(columns) bytes apart ...
//   tail.Run(tile);                                  // other operands, the steps, the results to GM
//
// UB has two places of tiles, used in turns, so that one tile's steps overlap the next one's loads, and two of
// rows for panels. Each value of a tile has bytes of its own there.
#ifndef STRATA_COMPILER_NPU_DAVINCI_TAIL_H_
#define STRATA_COMPILER_NPU_DAVINCI_TAIL_H_

#include <cstdint>
#include <map>
#include <vector>

#include "chips/npu/machine/machine.pb.h"
#include "compiler/npu/davinci_group.h"
#include "compiler/npu/program_builder.h"

namespace strata::compiler {

// Rows and columns of C.
struct DavinciTile {
  int64_t row = 0, rows = 0, column = 0, columns = 0;
};

class DavinciTail {
 public:
  // `head_bytes`: of UB that the head needs beside C, of each place.
  DavinciTail(const DavinciGroup& group, const chips::npu::Machine& machine,
              std::vector<int64_t> inputs, std::vector<int64_t> outputs, ProgramBuilder* builder);

  // Bytes of UB that rows of a panel take; the rest is for tiles.
  void BeginPanel(int64_t column, int64_t columns);
  // How many rows fit when the head takes `head_bytes` of each place as well; 0 when none does.
  int64_t MaxRows(int64_t columns, int64_t head_bytes = 0) const;

  int64_t HeadAddress(const DavinciTile& tile) const;
  int64_t HeadPitch(int64_t columns) const;
  // Bytes behind the values of a tile, for the head.
  int64_t Scratch(const DavinciTile& tile) const;

  // Loads further operands, does the steps, stores the results; the next tile takes the other place.
  void Run(const DavinciTile& tile);

  static constexpr int64_t kMaxPanel = 1024;  // columns

 private:
  int64_t PlaceBytes() const;
  int64_t PlaceBase() const { return place_ * PlaceBytes(); }
  int64_t BytesOf(graph::ValueId id, const DavinciTile& tile) const;
  int64_t Address(graph::ValueId id, const DavinciTile& tile) const;
  int64_t RowAddress(graph::ValueId id, const DavinciTile& tile) const;
  void Step(const graph::Node& node, const DavinciTile& tile);
  void Arithmetic(const graph::Node& node, const DavinciTile& tile);
  void Requantize(const graph::Node& node, const DavinciTile& tile);

  const DavinciGroup& group_;
  ProgramBuilder& builder_;
  const std::vector<int64_t> inputs_, outputs_;
  const int64_t ub_;
  std::vector<graph::ValueId> tiles_;  // values that a tile holds, in order
  std::vector<graph::ValueId> rows_;
  int64_t place_ = 0, panel_ = 0;
  int64_t panel_column_ = 0;
  std::vector<int64_t> configured_;  // what vcfg last set
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_DAVINCI_TAIL_H_
