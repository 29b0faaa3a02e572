#include "compiler/npu/vector_kernel.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/sim/array_core.h"
#include "compiler/npu/dma.h"
#include "compiler/npu/program_builder.h"
#include "compiler/npu/spread_iota.h"
#include "compiler/npu/vector_ops.h"
#include "compiler/npu/vector_region.h"
#include "compiler/npu/vector_schedule.h"

namespace strata::compiler {
namespace {

using chips::npu::Core;
using chips::npu::RegionKind;
using graph::Node;
using graph::ValueId;
namespace npu = chips::npu;

constexpr int64_t kFarthest = (1 << 24) - 1;  // bytes between DMA rows

int64_t BytesOf(chips::DType dtype) { return static_cast<int64_t>(chips::SizeOf(dtype)); }

// A part of the space: rows [row, row + rows) and columns of one place in the outer dims.
struct Block {
  std::vector<int64_t> outer;
  int64_t row = 0, rows = 0, col = 0, cols = 0;
  int64_t number = 0;
};

class Writer {
 public:
  Writer(const graph::Graph& graph, const VectorRegion& region, const VectorSchedule& schedule,
         const Core& core)
      : graph_(graph),
        region_(region),
        s_(schedule),
        alignment_(core.memories()[npu::kL1].alignment),
        half_l1_(core.memories()[npu::kL1].bytes / 2),
        b_(&core, "vector"),
        scalars_(0, schedule.cells, &b_) {
    LayOutAccumulators();
  }

  absl::StatusOr<NpuKernel> Run() {
    AddRegions();
    for (size_t v = 0; v < region_.values.size(); ++v) {
      if (s_.kept[v]) Load(static_cast<ValueId>(v), Block{{}, 0, 1, 0, region_.cols, 0});
    }
    for (const Node* node : region_.steps) {
      if (node->op() == "requantize") InterleaveChannels(*node);
    }
    ForEachBlock();
    NpuKernel kernel = std::move(kernel_);
    STRATA_ASSIGN_OR_RETURN(kernel.program, std::move(b_).Finish());
    return kernel;
  }

 private:
  const VectorValue& Value(ValueId v) const { return region_.values[v]; }
  ValueId Source(ValueId v) const { return region_.values[v].source; }

  // Cells, then the slots of single elements, rows, columns and tiles.
  void LayOutAccumulators() {
    const int64_t sizes[kVectorClasses] = {4, 4 * s_.cols, 4 * s_.rows, 4 * s_.rows * s_.cols};
    int64_t at = 4 * s_.cells;
    for (size_t c = 0; c < kVectorClasses; ++c) {
      bases_[c] = at;
      sizes_[c] = sizes[c];
      at += sizes[c] * s_.counts[c];
    }
  }

  int64_t AccOf(ValueId v) const {
    const size_t c = static_cast<size_t>(ClassOf(Value(v)));
    return bases_[c] + sizes_[c] * s_.slots[v];
  }

  void AddRegions() {
    dram_.assign(region_.values.size(), -1);
    int number = 0;
    for (const graph::Input& input : graph_.inputs()) {
      const VectorValue& value = Value(input.value());
      dram_[input.value()] = b_.AddRegion(RegionKind::kInput, absl::StrCat("b", number++),
                                          value.elements * BytesOf(value.dtype));
    }
    for (const graph::Output& output : graph_.outputs()) {
      const VectorValue& value = Value(output.value());
      stores_.push_back(
          {output.value(), b_.AddRegion(RegionKind::kOutput, absl::StrCat("b", number++),
                                        value.elements * BytesOf(value.dtype))});
    }
    for (size_t v = 0; v < region_.values.size(); ++v) {
      if (region_.values[v].iota && s_.slots[v] >= 0) AddIota(static_cast<ValueId>(v));
    }
  }

  void AddIota(ValueId v) {
    const VectorValue& value = Value(v);
    std::vector<double> numbers;
    for (int64_t i = 0; i < value.elements; ++i) numbers.push_back(static_cast<double>(i));
    const auto tensor = graph::HostTensor::FromDoubles(value.dtype, {value.elements}, numbers);
    plan::KernelData data;
    data.set_region(absl::StrCat("iota", kernel_.data.size()));
    data.set_content(tensor.raw(), tensor.size_bytes());
    dram_[v] =
        b_.AddRegion(RegionKind::kInput, data.region(), static_cast<int64_t>(tensor.size_bytes()));
    kernel_.data.push_back(std::move(data));
  }

  // The tile of a value in a block, and how an instruction on a tile of class `of` sees it.
  AccTile TileOf(ValueId v, const Block& block) const {
    const VectorValue& value = Value(v);
    AccTile tile = {AccOf(v), 1, 1, 0};
    if (value.by_row && value.by_column)
      return {tile.address, block.rows, block.cols, 4 * block.cols};
    if (value.by_row) tile.cols = block.rows;
    if (value.by_column) tile.cols = block.cols;
    return tile;
  }

  AccOperand OperandOf(ValueId v, VectorClass of, const Block& block) {
    const ValueId source = Source(v);
    const VectorValue& value = Value(source);
    if (value.constant.has_value()) return scalars_.Of(value.dtype, *value.constant);
    const int64_t address = AccOf(source);
    switch (ClassOf(value)) {
      case kWholeTile:
        return {address, 4 * block.cols, false};
      case kOneColumn:  // the elements of a column lie side by side
        return of == kWholeTile ? AccOperand{address, 4, true} : AccOperand{address, 0, false};
      case kOneRow:
        return {address, 0, false};
      case kOneElement:
        return {address, 0, true};
    }
    return {};
  }

  int64_t SetOf(const Block& block) const {
    return block.number % 2 == 0 ? s_.shared_l1 : half_l1_ / alignment_ * alignment_;
  }
  int64_t L1Of(ValueId v, const Block& block) const {
    return s_.kept[v] ? s_.l1[v] : SetOf(block) + s_.l1[v];
  }

  // Rows and columns of a value in DRAM and in L1.
  struct Transfer {
    int64_t dram, l1, rows, bytes, dram_stride, l1_stride;
  };
  Transfer TransferOf(ValueId v, int64_t region, const Block& block) const {
    const VectorValue& value = Value(v);
    const int64_t size = BytesOf(value.dtype);
    int64_t offset = block.row * value.row_stride + (value.by_column ? block.col : 0);
    for (size_t d = 0; d < block.outer.size(); ++d)
      offset += block.outer[d] * value.outer_strides[d];
    const AccTile tile = TileOf(v, block);
    Transfer t = {region + offset * size, L1Of(v, block),          tile.rows,
                  tile.cols * size,       value.row_stride * size, 0};
    if (tile.rows == 1) return t;
    t.l1_stride = VectorSchedule::L1Pitch(block.cols, value.dtype, alignment_);
    return t;
  }

  void Load(ValueId v, const Block& block) {
    const Transfer t = TransferOf(v, dram_[v], block);
    EmitRows(npu::kLdL1, {t.l1, t.dram, t.rows, t.bytes, t.l1_stride, t.dram_stride}, &b_);
    const VectorValue& value = Value(v);
    EmitToAcc(value.dtype, t.l1, VectorSchedule::L1Pitch(block.cols, value.dtype, alignment_),
              TileOf(v, block), &b_);
  }

  // Whether the block is the first that makes this value.
  bool IsFirst(const VectorValue& value, const Block& block) const {
    bool first = (value.by_row || block.row == 0) && (value.by_column || block.col == 0);
    for (size_t d = 0; d < block.outer.size(); ++d) {
      first = first && (value.outer_strides[d] != 0 || block.outer[d] == 0);
    }
    return first;
  }

  void Store(const Node& node, const Block& block) {
    const ValueId v = node.outputs(0);
    const VectorValue& value = Value(v);
    bool stored = false;
    for (const auto& [result, region] : stores_) {
      if (result != v || !IsFirst(value, block)) continue;
      const Transfer t = TransferOf(v, region, block);
      if (!stored) ToL1(node, t.l1, block);
      stored = true;
      EmitRows(npu::kStL1, {t.dram, t.l1, t.rows, t.bytes, t.dram_stride, t.l1_stride}, &b_);
    }
  }

  void ToL1(const Node& node, int64_t l1, const Block& block) {
    const ValueId v = node.outputs(0);
    const int64_t pitch = VectorSchedule::L1Pitch(block.cols, Value(v).dtype, alignment_);
    if (node.op() != "requantize") {
      return EmitFromAcc(Value(v).dtype, TileOf(v, block), l1, pitch, &b_);
    }
    const AccTile x = TileOf(Source(node.inputs(0)), block);
    const graph::AttributeReader attrs(node);
    b_.Emit(npu::kVcfg,
            {1, 0, attrs.Int("zero_point", 0), attrs.Int("low", -128), attrs.Int("high", 127)});
    b_.Emit(npu::kVquantcI8, {l1, x.address, s_.channels[v], x.rows, x.cols, pitch, x.stride});
  }

  // Multiplier and shift of each column side by side in L1; both are kept rows in the accumulators.
  void InterleaveChannels(const Node& node) {
    const int64_t pairs = bases_[kWholeTile];
    for (const int operand : {1, 2}) {
      b_.Emit(npu::kVcopy, {pairs + 4 * (operand - 1), AccOf(Source(node.inputs(operand))),
                            region_.cols, 1, 8, 4});
    }
    b_.Emit(npu::kVout, {s_.channels[node.outputs(0)], pairs, 1, 2 * region_.cols, 0, 0});
  }

  void Compute(const Node& node, const Block& block) {
    if (node.op() == "requantize") return;  // done on the way to L1
    const ValueId v = node.outputs(0);
    const graph::OpCall call = graph::CallOf(graph_, node);
    if (node.op() == "constant") {
      return EmitSpread(scalars_.Of(Value(v).dtype, *Value(v).constant), TileOf(v, block), &b_);
    }
    if (IsVectorReductionOp(node.op())) return Reduce(node, call, block);
    std::vector<AccOperand> operands;
    for (const uint32_t input : node.inputs()) {
      operands.push_back(OperandOf(input, ClassOf(Value(v)), block));
    }
    EmitVectorOp(call, operands, TileOf(v, block), s_.rounded[v], &scalars_, &b_);
  }

  void Reduce(const Node& node, const graph::OpCall& call, const Block& block) {
    const ValueId v = node.outputs(0), source = Source(node.inputs(0));
    AccTile tile = TileOf(source, block);
    if (ClassOf(Value(source)) == kOneColumn) tile = {tile.address, block.rows, 1, 4};
    const AccOperand x = tile.operand();
    tile.address = AccOf(v);
    EmitVectorOp(call, {x}, tile, s_.rounded[v], &scalars_, &b_);
  }

  void DoBlock(const Block& block) {
    std::vector<bool> loaded = s_.kept;
    for (const Node* node : region_.steps) {
      for (const uint32_t input : node->inputs()) {
        const ValueId source = Source(input);
        if (dram_[source] < 0 || loaded[source]) continue;
        Load(source, block);
        loaded[source] = true;
      }
      Compute(*node, block);
      Store(*node, block);
    }
  }

  void ForEachBlock() {
    Block block;
    block.outer.assign(region_.outer.size(), 0);
    while (true) {
      for (block.row = 0; block.row < region_.rows; block.row += s_.rows) {
        block.rows = std::min(s_.rows, region_.rows - block.row);
        for (block.col = 0; block.col < region_.cols; block.col += s_.cols) {
          block.cols = std::min(s_.cols, region_.cols - block.col);
          DoBlock(block);
          ++block.number;
        }
      }
      size_t d = block.outer.size();
      while (d > 0 && ++block.outer[d - 1] == region_.outer[d - 1]) block.outer[--d] = 0;
      if (d == 0) return;
    }
  }

  const graph::Graph& graph_;
  const VectorRegion& region_;
  const VectorSchedule& s_;
  const int64_t alignment_, half_l1_;
  ProgramBuilder b_;
  ScalarCells scalars_;
  NpuKernel kernel_;
  int64_t bases_[kVectorClasses] = {}, sizes_[kVectorClasses] = {};
  std::vector<int64_t> dram_;                        // by value: inputs
  std::vector<std::pair<ValueId, int64_t>> stores_;  // results and their regions
};

absl::Status CheckStrides(const VectorRegion& region) {
  for (const VectorValue& value : region.values) {
    if (value.row_stride * BytesOf(value.dtype) > kFarthest) {
      return absl::UnimplementedError("rows that lie farther apart than a stride reaches");
    }
  }
  return absl::OkStatus();
}

// What all is known of a kernel before it is written; the region points into the graph.
struct Prepared {
  std::unique_ptr<Core> core;
  graph::Graph graph;
  VectorRegion region;
  VectorSchedule schedule;
};

absl::StatusOr<std::unique_ptr<Prepared>> Prepare(const graph::Graph& given,
                                                  const chips::npu::Machine& machine) {
  auto p = std::make_unique<Prepared>();
  STRATA_ASSIGN_OR_RETURN(p->core, npu::NewArrayCore(machine));
  STRATA_ASSIGN_OR_RETURN(p->graph, SpreadIotas(given));
  STRATA_ASSIGN_OR_RETURN(p->region, VectorRegion::Of(p->graph));
  STRATA_RETURN_IF_ERROR(CheckStrides(p->region));
  const int64_t lanes = static_cast<int64_t>(machine.vector_lanes().value());
  STRATA_ASSIGN_OR_RETURN(p->schedule, VectorSchedule::Make(p->graph, p->region, *p->core, lanes));
  return p;
}

std::string Ops(const graph::Graph& graph) {
  std::vector<std::string> ops;
  for (const Node& node : graph.nodes()) {
    if (ops.empty() || ops.back() != node.op()) ops.push_back(node.op());
  }
  return absl::StrJoin(ops, ", ");
}

std::string LoopNest(const VectorRegion& region, const VectorSchedule& s,
                     const graph::Graph& graph) {
  std::string text, indent;
  const auto loop = [&](absl::string_view line) {
    absl::StrAppend(&text, indent, line, "\n");
    indent += "  ";
  };
  if (!region.outer.empty()) loop(absl::StrCat("for each of ", absl::StrJoin(region.outer, " x ")));
  loop(absl::StrCat("for rows of ", region.rows, " by ", s.rows));
  if (s.cols < region.cols) loop(absl::StrCat("for columns of ", region.cols, " by ", s.cols));
  loop(absl::StrCat("L1[2] -> accumulators: ", Ops(graph), " -> L1[2]"));
  return text;
}

}  // namespace

absl::Status CheckVectorKernel(const graph::Graph& given, const chips::npu::Machine& machine) {
  return Prepare(given, machine).status();
}

absl::StatusOr<NpuKernel> EmitVectorKernel(const graph::Graph& given,
                                           const chips::npu::Machine& machine) {
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Prepared> p, Prepare(given, machine));
  STRATA_ASSIGN_OR_RETURN(NpuKernel kernel,
                          Writer(p->graph, p->region, p->schedule, *p->core).Run());
  kernel.reason = absl::StrCat("vector unit: ", Ops(p->graph), " in tiles of ", p->schedule.rows,
                               " x ", p->schedule.cols);
  kernel.loop_nest = LoopNest(p->region, p->schedule, p->graph);
  return kernel;
}

}  // namespace strata::compiler
