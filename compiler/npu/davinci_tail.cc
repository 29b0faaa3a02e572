#include "compiler/npu/davinci_tail.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "chips/npu/davinci/davinci_isa.h"
#include "compiler/npu/dma.h"

namespace strata::compiler {
namespace {

namespace dv = chips::npu::davinci;
using graph::Node;
using graph::ValueId;

int64_t RoundUp(int64_t a, int64_t b) { return (a + b - 1) / b * b; }
int64_t Pitch(int64_t columns, int64_t bytes) {
  return RoundUp(columns * bytes, dv::kUbBlockBytes);
}

// The instruction of two tiles, and that of a tile and a number; 0: there is none.
struct Opcodes {
  uint8_t tiles = 0, number = 0;
};

Opcodes OpcodesOf(const std::string& op, int64_t bytes) {
  if (bytes == 1) return {op == "max" ? dv::kVmaxI8 : dv::kVminI8, 0};
  if (op == "add") return {dv::kVaddI32, dv::kVaddsI32};
  if (op == "sub") return {dv::kVsubI32, dv::kVaddsI32};
  if (op == "mul") return {dv::kVmulI32, dv::kVmulsI32};
  if (op == "max") return {dv::kVmaxI32, dv::kVmaxsI32};
  return {dv::kVminI32, dv::kVminsI32};
}

}  // namespace

DavinciTail::DavinciTail(const DavinciGroup& group, const chips::npu::Machine& machine,
                         std::vector<int64_t> inputs, std::vector<int64_t> outputs,
                         ProgramBuilder* builder)
    : group_(group),
      builder_(*builder),
      inputs_(std::move(inputs)),
      outputs_(std::move(outputs)),
      ub_(static_cast<int64_t>(machine.davinci().ub().capacity_bytes().value())) {
  for (size_t i = 0; i < group.values.size(); ++i) {
    const ValueId id = static_cast<ValueId>(i);
    if (group.SourceId(id) != id) continue;
    if (group.values[i].kind == DavinciValue::kTile) tiles_.push_back(id);
    if (group.values[i].kind == DavinciValue::kRow) rows_.push_back(id);
  }
}

int64_t DavinciTail::PlaceBytes() const {
  const int64_t row_bytes =
      2 * static_cast<int64_t>(rows_.size()) * 4 * std::min(kMaxPanel, RoundUp(group_.columns, 8));
  return std::max<int64_t>((ub_ - row_bytes) / 2 / dv::kUbBlockBytes * dv::kUbBlockBytes, 0);
}

int64_t DavinciTail::BytesOf(ValueId id, const DavinciTile& tile) const {
  return tile.rows * Pitch(tile.columns, group_.values[id].bytes);
}

int64_t DavinciTail::Address(ValueId id, const DavinciTile& tile) const {
  int64_t address = PlaceBase();
  for (const ValueId other : tiles_) {
    if (other == group_.SourceId(id)) break;
    address += BytesOf(other, tile);
  }
  return address;
}

int64_t DavinciTail::RowAddress(ValueId id, const DavinciTile& tile) const {
  const int64_t bytes = 4 * std::min(kMaxPanel, RoundUp(group_.columns, 8));
  const auto at = std::find(rows_.begin(), rows_.end(), group_.SourceId(id)) - rows_.begin();
  const int64_t row = panel_ % 2 * static_cast<int64_t>(rows_.size()) + at;
  return 2 * PlaceBytes() + row * bytes + (tile.column - panel_column_) * 4;
}

void DavinciTail::BeginPanel(int64_t column, int64_t columns) {
  ++panel_;
  panel_column_ = column;
  for (const ValueId id : rows_) {
    const int64_t from = inputs_[static_cast<size_t>(group_.values[id].input)];
    const int64_t to = RowAddress(id, {0, 1, column, columns});
    if (group_.values[id].repeated) {
      EmitRows(dv::kLdL1, {0, from, columns, 4, 4, 0}, &builder_);
      EmitRows(dv::kMvUb, {to, 0, 1, columns * 4, 0, 0}, &builder_);
    } else {
      EmitRows(dv::kLdUb, {to, from + column * 4, 1, columns * 4, 0, 0}, &builder_);
    }
  }
}

int64_t DavinciTail::MaxRows(int64_t columns, int64_t head_bytes) const {
  int64_t row = 0;
  for (const ValueId id : tiles_) row += Pitch(columns, group_.values[id].bytes);
  return std::max<int64_t>((PlaceBytes() - head_bytes) / std::max<int64_t>(row, 1), 0);
}

int64_t DavinciTail::HeadAddress(const DavinciTile& tile) const { return Address(*group_.c, tile); }

int64_t DavinciTail::HeadPitch(int64_t columns) const {
  return Pitch(columns, group_.values[*group_.c].bytes);
}

int64_t DavinciTail::Scratch(const DavinciTile& tile) const {
  int64_t address = PlaceBase();
  for (const ValueId id : tiles_) address += BytesOf(id, tile);
  return address;
}

void DavinciTail::Run(const DavinciTile& tile) {
  for (const ValueId id : tiles_) {
    const DavinciValue& value = group_.values[id];
    if (value.input < 0) continue;
    const int64_t at = (tile.row * group_.columns + tile.column) * value.bytes;
    EmitRows(dv::kLdUb,
             {Address(id, tile), inputs_[static_cast<size_t>(value.input)] + at, tile.rows,
              tile.columns * value.bytes, Pitch(tile.columns, value.bytes),
              group_.columns * value.bytes},
             &builder_);
  }
  for (const Node* node : group_.steps) Step(*node, tile);
  for (int i = 0; i < group_.region->outputs_size(); ++i) {
    const ValueId id = group_.SourceId(group_.region->outputs(i).value());
    const int64_t bytes = group_.values[id].bytes;
    const int64_t at = (tile.row * group_.columns + tile.column) * bytes;
    EmitRows(dv::kStUb,
             {outputs_[static_cast<size_t>(i)] + at, Address(id, tile), tile.rows,
              tile.columns * bytes, group_.columns * bytes, Pitch(tile.columns, bytes)},
             &builder_);
  }
  place_ = 1 - place_;
}

void DavinciTail::Step(const Node& node, const DavinciTile& tile) {
  if (node.op() == "requantize") return Requantize(node, tile);
  if (node.op() != "cast") return Arithmetic(node, tile);
  builder_.Emit(dv::kVconvI8I32,
                {Address(node.outputs(0), tile), Address(node.inputs(0), tile), tile.rows,
                 tile.columns, Pitch(tile.columns, 4), Pitch(tile.columns, 1)});
}

void DavinciTail::Arithmetic(const Node& node, const DavinciTile& tile) {
  ValueId a = node.inputs(0), b = node.inputs(1);
  if (group_.Source(a).kind != DavinciValue::kTile) std::swap(a, b);
  const int64_t bytes = group_.Source(a).bytes, pitch = Pitch(tile.columns, bytes);
  const Opcodes opcodes = OpcodesOf(node.op(), bytes);
  const int64_t dst = Address(node.outputs(0), tile), src = Address(a, tile);
  const DavinciValue& other = group_.Source(b);
  if (other.kind == DavinciValue::kNumber) {
    const int64_t number = node.op() == "sub" ? -int64_t{*other.number} : *other.number;
    builder_.Emit(opcodes.number, {dst, src, number, tile.rows, tile.columns, pitch, pitch});
    return;
  }
  const bool row = other.kind == DavinciValue::kRow;
  builder_.Emit(opcodes.tiles, {dst, src, row ? RowAddress(b, tile) : Address(b, tile), tile.rows,
                                tile.columns, pitch, pitch, row ? 0 : pitch});
}

void DavinciTail::Requantize(const Node& node, const DavinciTile& tile) {
  const graph::AttributeReader attrs(node);
  const std::vector<int64_t> range = {attrs.Int("zero_point", 0), attrs.Int("low", -128),
                                      attrs.Int("high", 127)};
  if (range != configured_) builder_.Emit(dv::kVcfg, {range[0], range[1], range[2]});
  configured_ = range;
  builder_.Emit(dv::kVquantcI8,
                {Address(node.outputs(0), tile), Address(node.inputs(0), tile),
                 RowAddress(node.inputs(1), tile), RowAddress(node.inputs(2), tile), tile.rows,
                 tile.columns, Pitch(tile.columns, 1), Pitch(tile.columns, 4)});
}

}  // namespace strata::compiler
