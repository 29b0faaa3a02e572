#include "compiler/npu/vector_schedule.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "chips/npu/isa/array_isa.h"
#include "compiler/npu/vector_ops.h"

namespace strata::compiler {
namespace {

using graph::Node;
using graph::ValueId;
namespace npu = chips::npu;

constexpr int64_t kLongestRow = 65535;  // bytes a DMA instruction takes, elements a vector one does
constexpr int64_t kBlocks = 4;          // as many as it takes for loads, work and stores to overlap
constexpr int64_t kPassesOfABlock = 16;  // fewer are not worth the instructions' latency
constexpr int64_t kSparesCells = 6;      // for what ops ask for: 0, -128, 127

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t RoundUp(int64_t a, int64_t b) { return CeilDiv(a, b) * b; }
int64_t BytesOf(chips::DType dtype) { return static_cast<int64_t>(chips::SizeOf(dtype)); }

// Slots of one class: those given back are given out first.
class Slots {
 public:
  int Take() {
    if (free_.empty()) return count_++;
    const int slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void Give(int slot) { free_.push_back(slot); }
  int count() const { return count_; }

 private:
  std::vector<int> free_;
  int count_ = 0;
};

class Scheduler {
 public:
  Scheduler(const graph::Graph& graph, const VectorRegion& region, const npu::Core& core,
            int64_t lanes)
      : graph_(graph), region_(region), core_(core), lanes_(lanes) {}

  absl::StatusOr<VectorSchedule> Run() {
    const size_t values = region_.values.size();
    s_.kept.assign(values, false);
    s_.rounded.assign(values, false);
    s_.channels.assign(values, -1);
    inputs_.assign(values, false);
    for (const graph::Input& input : graph_.inputs()) inputs_[input.value()] = true;
    for (size_t v = 0; v < values; ++v) inputs_[v] = inputs_[v] || region_.values[v].iota;
    for (const graph::Output& output : graph_.outputs()) outputs_.insert(output.value());
    STRATA_RETURN_IF_ERROR(FindUses());
    if (core_.memories()[npu::kAcc].alignment > 4) {
      return absl::UnimplementedError("elements of the accumulators that cannot be addressed");
    }
    s_.cells = kSparesCells;
    for (const VectorValue& value : region_.values) s_.cells += value.constant.has_value();
    // All columns at once, or where no row must stay whole, parts of them.
    for (int64_t parts = 1; parts <= region_.cols; parts *= 2) {
      s_.cols = CeilDiv(region_.cols, parts);
      Assign();
      if (s_.cols > kLongestRow / LargestElement() || !Fits(1)) {
        if (region_.reduces || Requantizes()) break;
        continue;
      }
      if (region_.rows == 1 && !region_.reduces && !Requantizes()) NarrowColumns();
      s_.rows = Rows();
      Fits(s_.rows);  // leaves the layout of L1 behind
      return s_;
    }
    return absl::UnimplementedError(absl::StrCat(
        "rows of ", region_.cols, " elements, more than the scratchpads hold at once"));
  }

 private:
  const VectorValue& Value(ValueId v) const { return region_.values[v]; }
  ValueId Source(ValueId v) const { return region_.values[v].source; }
  bool IsArray(ValueId v) const { return !Value(v).constant.has_value(); }

  int64_t LargestElement() const {
    int64_t bytes = 1;
    for (const VectorValue& value : region_.values) bytes = std::max(bytes, BytesOf(value.dtype));
    return bytes;
  }

  bool Requantizes() const {
    return std::any_of(region_.steps.begin(), region_.steps.end(),
                       [](const Node* node) { return node->op() == "requantize"; });
  }

  absl::Status FindUses() {
    last_use_.assign(region_.values.size(), -1);
    for (size_t i = 0; i < region_.steps.size(); ++i) {
      const Node& node = *region_.steps[i];
      for (const uint32_t input : node.inputs()) {
        const ValueId source = Source(input);
        last_use_[source] = static_cast<int>(i);
        s_.rounded[source] = true;
        const bool made = !inputs_[source] && IsArray(source);
        const bool narrow = chips::IsFloat8(Value(source).dtype) || requantized_.count(source) != 0;
        if (made && narrow) {
          return absl::UnimplementedError(
              absl::StrCat(DTypeName(Value(source).dtype), " results that are read again"));
        }
      }
      if (node.op() == "requantize") STRATA_RETURN_IF_ERROR(CheckRequantize(node));
      if (IsVectorReductionOp(node.op()) && region_.cols > 1 &&
          !Value(Source(node.inputs(0))).by_column) {
        return absl::UnimplementedError("a reduction of what was broadcast");
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckRequantize(const Node& node) {
    requantized_.insert(node.outputs(0));
    bool fine = Value(node.outputs(0)).by_column && Value(Source(node.inputs(0))).by_column;
    for (const int operand : {1, 2}) {
      const ValueId v = Source(node.inputs(operand));
      fine = fine && inputs_[v] && ClassOf(Value(v)) == kOneRow && Value(v).IsFixed();
    }
    return fine ? absl::OkStatus()
                : absl::UnimplementedError("requantize by other than one factor a column");
  }

  // Gives slots to all values of a block, in the order of steps.
  void Assign() {
    const bool whole = s_.cols == region_.cols;
    s_.slots.assign(region_.values.size(), -1);
    std::array<Slots, kVectorClasses> slots;
    const auto take = [&](ValueId v) {
      s_.slots[v] = slots[static_cast<size_t>(ClassOf(Value(v)))].Take();
    };
    for (size_t v = 0; v < region_.values.size(); ++v) {
      const VectorValue& value = region_.values[v];
      const bool used = last_use_[v] >= 0 || outputs_.count(static_cast<ValueId>(v)) != 0;
      s_.kept[v] = inputs_[v] && used && value.IsFixed() && (whole || !value.by_column);
      if (s_.kept[v]) take(static_cast<ValueId>(v));
    }
    for (size_t i = 0; i < region_.steps.size(); ++i) {
      const Node& node = *region_.steps[i];
      std::set<ValueId> dying;
      for (const uint32_t input : node.inputs()) {
        const ValueId v = Source(input);
        if (!IsArray(v)) continue;
        if (s_.slots[v] < 0) take(v);
        if (last_use_[v] == static_cast<int>(i) && !s_.kept[v]) dying.insert(v);
      }
      const auto give = [&](ValueId v) {
        slots[static_cast<size_t>(ClassOf(Value(v)))].Give(s_.slots[v]);
        dying.erase(v);
      };
      const ValueId out = node.outputs(0);
      const bool select = node.op() == "select";
      const ValueId first = node.inputs_size() > 0 ? Source(node.inputs(0)) : 0;
      // select writes its mask into the result before it reads the others: only the mask's slot is free.
      if (select && dying.count(first) != 0 && ClassOf(Value(first)) == ClassOf(Value(out)) &&
          first != Source(node.inputs(1)) && first != Source(node.inputs(2))) {
        give(first);
      }
      if (!select) {
        while (!dying.empty()) give(*dying.begin());
      }
      take(out);
      while (!dying.empty()) give(*dying.begin());
      if (last_use_[out] < 0) give(out);
    }
    // Inputs that are results as they are.
    for (const ValueId v : outputs_) {
      if (s_.slots[v] < 0) {
        take(v);
        slots[static_cast<size_t>(ClassOf(Value(v)))].Give(s_.slots[v]);
      }
    }
    for (size_t c = 0; c < kVectorClasses; ++c) s_.counts[c] = slots[c].count();
  }

  int64_t L1Bytes(const VectorValue& value, int64_t rows) const {
    const int64_t alignment = core_.memories()[npu::kL1].alignment;
    const int64_t bytes = BytesOf(value.dtype);
    switch (ClassOf(value)) {
      case kWholeTile:
        return rows * VectorSchedule::L1Pitch(s_.cols, value.dtype, alignment);
      case kOneColumn:
        return RoundUp(rows * bytes, alignment);
      case kOneRow:
        return RoundUp(s_.cols * bytes, alignment);
      case kOneElement:
        return RoundUp(bytes, alignment);
    }
    return 0;
  }

  // Lays L1 out for blocks of so many rows; whether they fit it and the accumulators.
  bool Fits(int64_t rows) {
    const int64_t alignment = core_.memories()[npu::kL1].alignment;
    s_.l1.assign(region_.values.size(), -1);
    s_.shared_l1 = s_.set_l1 = 0;
    for (size_t v = 0; v < region_.values.size(); ++v) {
      const bool input = inputs_[v] && s_.slots[v] >= 0;
      if (!input && outputs_.count(static_cast<ValueId>(v)) == 0) continue;
      int64_t& end = s_.kept[v] ? s_.shared_l1 : s_.set_l1;
      s_.l1[v] = end;
      end += L1Bytes(region_.values[v], rows);
    }
    int64_t scratch = 0;  // where multipliers and shifts are interleaved
    for (const ValueId v : requantized_) {
      s_.channels[v] = s_.shared_l1;
      s_.shared_l1 += RoundUp(8 * s_.cols, alignment);
      scratch = 8 * s_.cols;
    }
    const auto count = [&](VectorClass c) { return int64_t{s_.counts[static_cast<size_t>(c)]}; };
    const int64_t tiles = count(kWholeTile) * rows * 4 * s_.cols;
    const int64_t rest =
        4 * (count(kOneColumn) * rows + count(kOneRow) * s_.cols + count(kOneElement) + s_.cells);
    return std::max(tiles, scratch) + rest <= core_.memories()[npu::kAcc].bytes &&
           s_.shared_l1 + s_.set_l1 <= core_.memories()[npu::kL1].bytes / 2;
  }

  // Rows of a block: as many as fit, but a few blocks where each has enough to do.
  int64_t Rows() {
    const int64_t enough = CeilDiv(kPassesOfABlock * lanes_, s_.cols);
    int64_t high =
        std::min({region_.rows, kLongestRow, std::max(CeilDiv(region_.rows, kBlocks), enough)});
    if (Fits(high)) return high;
    int64_t low = 1;  // fits
    while (high - low > 1) {
      const int64_t middle = low + (high - low) / 2;
      (Fits(middle) ? low : high) = middle;
    }
    return low;
  }

  // The same for a single row.
  void NarrowColumns() {
    const int64_t narrow = std::max(CeilDiv(region_.cols, kBlocks), kPassesOfABlock * lanes_);
    if (narrow >= s_.cols) return;
    s_.cols = narrow;
    Assign();
  }

  const graph::Graph& graph_;
  const VectorRegion& region_;
  const npu::Core& core_;
  const int64_t lanes_;
  VectorSchedule s_;
  std::vector<bool> inputs_;
  std::set<ValueId> outputs_, requantized_;
  std::vector<int> last_use_;
};

}  // namespace

int64_t VectorSchedule::L1Pitch(int64_t cols, chips::DType dtype, int64_t alignment) {
  return RoundUp(cols * BytesOf(dtype), alignment);
}

absl::StatusOr<VectorSchedule> VectorSchedule::Make(const graph::Graph& graph,
                                                    const VectorRegion& region,
                                                    const npu::Core& core, int64_t lanes) {
  return Scheduler(graph, region, core, lanes).Run();
}

}  // namespace strata::compiler
