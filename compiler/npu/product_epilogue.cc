#include "compiler/npu/product_epilogue.h"

#include <algorithm>
#include <set>
#include <utility>

#include "chips/npu/isa/array_isa.h"
#include "compiler/npu/dma.h"

namespace strata::compiler {
namespace {

using graph::Node;
using graph::ValueId;
namespace npu = chips::npu;

constexpr int64_t kAccBytes = 4;
constexpr int64_t kPairBytes = 8;  // multiplier and shift

int64_t BytesOf(chips::DType dtype) { return static_cast<int64_t>(chips::SizeOf(dtype)); }

}  // namespace

ProductEpilogue::ProductEpilogue(const graph::Graph& region, const ProductGroup& group)
    : region_(region), group_(group), columns_(group.problem.columns) {
  for (const graph::Output& output : region.outputs()) {
    shape_.tile_bytes.push_back(BytesOf(group.values[output.value()].dtype));
  }
  shape_.results = static_cast<int64_t>(shape_.tile_bytes.size());
  std::set<ValueId> seen;
  int64_t numbers = 0;
  for (const Node* step : group.steps) {
    numbers += kScalarsOfAnOp;
    if (step->op() == "requantize") requantize_ = step;
    for (const uint32_t input : step->inputs()) {
      const ValueId source = group.values[input].source;
      const GroupValue& value = group.values[source];
      if (!seen.insert(source).second) continue;
      numbers += value.kind == GroupValueKind::kNumber;
      if (value.input < 0) continue;
      if (value.kind == GroupValueKind::kTile) {
        tiles_.push_back({source, shape_.tile_bytes.size()});
        shape_.tile_bytes.push_back(BytesOf(value.dtype));
      } else if (value.kind == GroupValueKind::kRow) {
        rows_.push_back({source, rows_.size()});
      }
    }
  }
  shape_.row_vectors = static_cast<int64_t>(rows_.size());
  shape_.channel_tables = requantize_ == nullptr ? 0 : 1;
  shape_.cells = numbers;
  PlanSlots();
}

// A tile's slot is free behind its last use; a step's result may take the slot of an operand that dies
// there, but select's only that of its condition.
void ProductEpilogue::PlanSlots() {
  const size_t values = group_.values.size();
  slot_.assign(values, -1);
  std::vector<size_t> last(values, 0);
  first_use_.assign(values, group_.steps.size());
  for (size_t s = group_.steps.size(); s-- > 0;) {
    for (const uint32_t input : group_.steps[s]->inputs()) {
      const ValueId source = group_.values[input].source;
      last[source] = std::max(last[source], s + 1);
      first_use_[source] = s;
    }
  }
  std::vector<int> free;
  int count = 0;
  const auto take = [&] {
    if (free.empty()) return count++;
    const int slot = free.back();
    free.pop_back();
    return slot;
  };
  slot_[group_.product->outputs(0)] = take();
  for (size_t s = 0; s < group_.steps.size(); ++s) {
    const Node& step = *group_.steps[s];
    shape_.passes += 2;
    std::vector<ValueId> dying;
    for (const uint32_t input : step.inputs()) {
      const ValueId source = group_.values[input].source;
      if (group_.values[source].kind != GroupValueKind::kTile) continue;
      if (slot_[source] < 0) slot_[source] = take(), ++shape_.passes;
      const bool seen = std::find(dying.begin(), dying.end(), source) != dying.end();
      if (last[source] == s + 1 && !seen) dying.push_back(source);
    }
    if (step.op() == "requantize") continue;  // goes to L1; what it reads may be a result, too
    const bool select = step.op() == "select";
    if (!select) {
      for (const ValueId value : dying) free.push_back(slot_[value]);
    }
    slot_[step.outputs(0)] = take();
    if (select) {
      for (const ValueId value : dying) free.push_back(slot_[value]);
    }
  }
  shape_.acc_tiles = count;
}

void ProductEpilogue::SetRegions(std::vector<int64_t> inputs, std::vector<int64_t> outputs) {
  inputs_ = std::move(inputs);
  outputs_ = std::move(outputs);
}

void ProductEpilogue::Load(const ProductLayout& layout, const TileOfC& tile,
                           ProgramBuilder* builder) {
  for (const Operand& operand : tiles_) {
    const GroupValue& value = group_.values[operand.value];
    const int64_t bytes = BytesOf(value.dtype);
    const int64_t from = inputs_[static_cast<size_t>(value.input)];
    EmitRows(npu::kLdL1,
             {layout.tiles[operand.slot].address(tile.place),
              from + (tile.row * columns_ + tile.column) * bytes, tile.rows, tile.columns * bytes,
              layout.tile_pitch[operand.slot], columns_ * bytes},
             builder);
  }
  if (rows_of_[static_cast<size_t>(tile.place)] == tile.column) return;
  rows_of_[static_cast<size_t>(tile.place)] = tile.column;
  LoadRows(layout, tile, builder);
}

// From DRAM to L1 to the accumulators.
void ProductEpilogue::LoadRows(const ProductLayout& layout, const TileOfC& tile,
                               ProgramBuilder* builder) {
  for (const Operand& operand : rows_) {
    const GroupValue& value = group_.values[operand.value];
    const int64_t bytes = BytesOf(value.dtype);
    const int64_t from = inputs_[static_cast<size_t>(value.input)] + tile.column * bytes;
    const int64_t l1 = layout.row_vectors.address(tile.place) +
                       layout.vector_pitch * static_cast<int64_t>(operand.slot);
    builder->Emit(npu::kLdL1, {l1, from, 1, tile.columns * bytes, 0, 0});
    const int64_t acc = layout.AccRow(tile.place, static_cast<int64_t>(operand.slot));
    EmitToAcc(value.dtype, l1, 0, {acc, 1, tile.columns, 0}, builder);
  }
  if (requantize_ != nullptr) Interleave(layout, tile, *requantize_, builder);
}

// Multiplier and shift of each column side by side, in L1. Not by way of the tile's place: the products of the next
// tile would wait for it, and so for this tile's steps.
void ProductEpilogue::Interleave(const ProductLayout& layout, const TileOfC& tile,
                                 const Node& requantize, ProgramBuilder* builder) {
  const int64_t pairs = layout.acc.address(tile.place) + layout.acc_pairs;
  for (const int i : {1, 2}) {
    const AccOperand factor =
        OperandOf(layout, tile, group_.values[requantize.inputs(i)].source, nullptr);
    builder->Emit(npu::kVcopy, {pairs + kAccBytes * (i - 1), factor.address, tile.columns, 1,
                                kPairBytes, kAccBytes});
  }
  builder->Emit(npu::kVout,
                {layout.channels.address(tile.place), pairs, 1, 2 * tile.columns, 0, 0});
}

AccTile ProductEpilogue::TileAt(const ProductLayout& layout, const TileOfC& tile, int slot) const {
  return {layout.acc.address(tile.place) + layout.acc_tile * slot, tile.rows, tile.columns,
          layout.acc_pitch};
}

AccOperand ProductEpilogue::OperandOf(const ProductLayout& layout, const TileOfC& tile,
                                      ValueId source, ScalarCells* cells) const {
  const GroupValue& value = group_.values[source];
  if (value.kind == GroupValueKind::kTile) return TileAt(layout, tile, slot_[source]).operand();
  if (value.kind == GroupValueKind::kNumber) return cells->Of(value.dtype, *value.constant);
  for (const Operand& row : rows_) {
    if (row.value != source) continue;
    return {layout.AccRow(tile.place, static_cast<int64_t>(row.slot)), 0, false};
  }
  return {};
}

void ProductEpilogue::Run(const ProductLayout& layout, const TileOfC& tile,
                          ProgramBuilder* builder) {
  std::unique_ptr<ScalarCells>& cells = cells_[static_cast<size_t>(tile.place)];
  if (cells == nullptr) {
    cells = std::make_unique<ScalarCells>(layout.AccCells(tile.place), shape_.cells, builder);
    const graph::OpCall call =
        requantize_ == nullptr ? graph::OpCall() : graph::CallOf(region_, *requantize_);
    if (requantize_ != nullptr) {
      builder->Emit(npu::kVcfg, {1, 0, call.attrs().Int("zero_point", 0),
                                 call.attrs().Int("low", -128), call.attrs().Int("high", 127)});
    }
  }
  const ValueId c = group_.product->outputs(0);
  if (group_.values[c].dtype == chips::BF16 && group_.values[c].read) {
    const AccTile at = TileAt(layout, tile, slot_[c]);
    builder->Emit(npu::kVroundBf16,
                  {at.address, at.address, at.rows, at.cols, at.stride, at.stride});
  }
  StoreResults(layout, tile, c, builder);
  for (const Node* step : group_.steps) Step(layout, tile, *step, cells.get(), builder);
}

void ProductEpilogue::Step(const ProductLayout& layout, const TileOfC& tile, const Node& node,
                           ScalarCells* cells, ProgramBuilder* builder) {
  const size_t index = static_cast<size_t>(
      std::find(group_.steps.begin(), group_.steps.end(), &node) - group_.steps.begin());
  for (const Operand& operand : tiles_) {
    if (first_use_[operand.value] != index) continue;
    EmitToAcc(group_.values[operand.value].dtype, layout.tiles[operand.slot].address(tile.place),
              layout.tile_pitch[operand.slot], TileAt(layout, tile, slot_[operand.value]), builder);
  }
  const ValueId out = node.outputs(0);
  if (node.op() == "requantize") return StoreResults(layout, tile, out, builder);
  std::vector<AccOperand> operands;
  for (const uint32_t input : node.inputs()) {
    operands.push_back(OperandOf(layout, tile, group_.values[input].source, cells));
  }
  EmitVectorOp(graph::CallOf(region_, node), operands, TileAt(layout, tile, slot_[out]),
               group_.values[out].read, cells, builder);
  StoreResults(layout, tile, out, builder);
}

// Writes the results that hold `value`'s numbers.
void ProductEpilogue::StoreResults(const ProductLayout& layout, const TileOfC& tile, ValueId value,
                                   ProgramBuilder* builder) {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const ValueId output = region_.outputs(static_cast<int>(i)).value();
    if (group_.values[output].source != value) continue;
    const chips::DType dtype = group_.values[output].dtype;
    const int64_t l1 = layout.tiles[i].address(tile.place), pitch = layout.tile_pitch[i];
    const bool requantized = requantize_ != nullptr && value == requantize_->outputs(0);
    if (requantized) {
      const ValueId in = group_.values[requantize_->inputs(0)].source;
      const AccTile from = TileAt(layout, tile, slot_[in]);
      builder->Emit(npu::kVquantcI8, {l1, from.address, layout.channels.address(tile.place),
                                      tile.rows, tile.columns, pitch, from.stride});
    } else {
      EmitFromAcc(dtype, TileAt(layout, tile, slot_[value]), l1, pitch, builder);
    }
    const int64_t bytes = BytesOf(dtype);
    EmitRows(npu::kStL1,
             {outputs_[i] + (tile.row * columns_ + tile.column) * bytes, l1, tile.rows,
              tile.columns * bytes, columns_ * bytes, pitch},
             builder);
  }
}

}  // namespace strata::compiler
