#include "compiler/npu/vector_region.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/npu/vector_ops.h"
#include "framework/graph/attributes.h"

namespace strata::compiler {
namespace {

using Dims = std::vector<int64_t>;
using graph::Node;
using graph::OpCall;
using graph::ValueId;

constexpr int kAnyLift = -1;  // of a value that fits every lift: a scalar, or not known yet

absl::Status Refuse(absl::string_view why) { return absl::UnimplementedError(why); }

bool IsRequantize(const Node& node) { return node.op() == "requantize"; }

class Analysis {
 public:
  explicit Analysis(const graph::Graph& graph) : graph_(graph) {}

  absl::StatusOr<VectorRegion> Run() {
    for (const graph::Value& value : graph_.values()) {
      const graph::TensorType type = graph::TypeOf(value);
      if (!type.concrete()) return Refuse("its shapes are not known");
      if (type.elements() == 0) return Refuse("a tensor without elements");
      dims_.push_back(type.dims());
    }
    lifts_.assign(dims_.size(), kAnyLift);
    sources_.resize(dims_.size());
    constants_.resize(dims_.size());
    for (size_t i = 0; i < sources_.size(); ++i) sources_[i] = static_cast<ValueId>(i);
    for (const graph::Output& output : graph_.outputs()) outputs_.insert(output.value());
    for (const Node& node : graph_.nodes()) STRATA_RETURN_IF_ERROR(Visit(node));
    STRATA_RETURN_IF_ERROR(MakeSpace());
    STRATA_RETURN_IF_ERROR(Join());
    return Finish();
  }

 private:
  // Dims of a value whose `lift` last dims were reduced away without keeping them.
  Dims Lifted(ValueId value) const {
    Dims dims = dims_[value];
    dims.insert(dims.end(), static_cast<size_t>(std::max(lifts_[value], 0)), 1);
    return dims;
  }

  static bool IsScalarShape(const Dims& dims) {
    return std::all_of(dims.begin(), dims.end(), [](int64_t size) { return size == 1; });
  }

  // The operands of a node must agree in their lift.
  absl::StatusOr<int> LiftOf(const Node& node) {
    int lift = kAnyLift;
    for (const uint32_t input : node.inputs()) {
      if (lifts_[input] == kAnyLift) continue;
      if (lift != kAnyLift && lift != lifts_[input]) {
        return Refuse("a value is used with and without the dims that a reduction has taken away");
      }
      lift = lifts_[input];
    }
    lift = std::max(lift, 0);
    for (const uint32_t input : node.inputs()) {
      if (!IsScalarShape(dims_[input])) lifts_[input] = lift;
    }
    return lift;
  }

  absl::Status Visit(const Node& node) {
    const ValueId out = node.outputs(0);
    const OpCall call = graph::CallOf(graph_, node);
    const std::string& op = node.op();
    if (op == "constant") {
      if (!IsHeld(call.outputs[0].dtype)) return Refuse(HasNo(call.outputs[0].dtype));
      constants_[out] = call.attrs().Float("value");
      if (outputs_.count(out) != 0) steps_.push_back(&node);
      return absl::OkStatus();
    }
    if (op == "iota") {
      const chips::DType dtype = call.outputs[0].dtype;
      if (dtype != chips::I32 && dtype != chips::F32) return Refuse(HasNo(dtype));
      return VisitIota(node, call);
    }
    if (op == "reshape") return VisitReshape(node);
    if (IsRequantize(node)) return VisitRequantize(node);
    STRATA_RETURN_IF_ERROR(CheckVectorOp(call));
    STRATA_ASSIGN_OR_RETURN(const int lift, LiftOf(node));
    lifts_[out] = lift;
    if (IsVectorReductionOp(op)) return VisitReduction(node, call, lift);
    if (op == "broadcast_to" || IsFreeCast(call)) return Alias(node);
    steps_.push_back(&node);
    return absl::OkStatus();
  }

  static std::string HasNo(chips::DType dtype) {
    return absl::StrCat("the vector unit has no ", chips::DTypeName(dtype));
  }

  // The same numbers; a result of the region needs a place of its own.
  absl::Status Alias(const Node& node) {
    if (outputs_.count(node.outputs(0)) != 0) {
      steps_.push_back(&node);
    } else {
      sources_[node.outputs(0)] = sources_[node.inputs(0)];
    }
    return absl::OkStatus();
  }

  absl::Status VisitIota(const Node& node, const OpCall& call) {
    const ValueId out = node.outputs(0);
    if (outputs_.count(out) != 0) return Refuse("iota as a result");
    const int64_t rank = static_cast<int64_t>(dims_[out].size());
    STRATA_ASSIGN_OR_RETURN(const int64_t axis,
                            graph::NormalizeAxis(call.attrs().Int("axis"), rank));
    for (int64_t d = 0; d < rank; ++d) {
      if (d != axis) dims_[out][static_cast<size_t>(d)] = 1;
    }
    iotas_.insert(out);
    return absl::OkStatus();
  }

  // Dims of 1 may come and go at the end.
  absl::Status VisitReshape(const Node& node) {
    const ValueId in = node.inputs(0), out = node.outputs(0);
    const Dims &from = dims_[in], &to = dims_[out];
    if (outputs_.count(out) != 0) return Refuse("a reshape within a group");
    const size_t common = std::min(from.size(), to.size());
    const Dims& longer = from.size() > to.size() ? from : to;
    const bool ones =
        std::equal(from.begin(), from.begin() + static_cast<int64_t>(common), to.begin()) &&
        std::all_of(longer.begin() + static_cast<int64_t>(common), longer.end(),
                    [](int64_t size) { return size == 1; });
    const int gone = static_cast<int>(from.size()) - static_cast<int>(to.size());
    if (lifts_[in] == kAnyLift) lifts_[in] = std::max(-gone, 0);
    if (!ones || lifts_[in] + gone < 0) return Refuse("a reshape within a group");
    lifts_[out] = lifts_[in] + gone;
    sources_[out] = sources_[in];
    return absl::OkStatus();
  }

  absl::Status VisitRequantize(const Node& node) {
    STRATA_ASSIGN_OR_RETURN(const int lift, LiftOf(node));
    const ValueId out = node.outputs(0);
    lifts_[out] = lift;
    if (lift != 0) return Refuse("requantize after a reduction without its dims");
    if (dims_[sources_[node.inputs(0)]] != dims_[node.inputs(0)])
      return Refuse("requantize of what was broadcast");
    steps_.push_back(&node);
    return absl::OkStatus();
  }

  absl::Status VisitReduction(const Node& node, const OpCall& call, int lift) {
    const ValueId in = node.inputs(0), out = node.outputs(0);
    const int64_t rank = static_cast<int64_t>(dims_[in].size());
    std::set<int64_t> axes;
    for (const int64_t axis : call.attrs().Ints("axes")) {
      STRATA_ASSIGN_OR_RETURN(const int64_t normal, graph::NormalizeAxis(axis, rank));
      axes.insert(normal);
    }
    const int64_t count = static_cast<int64_t>(axes.size());
    if (axes.empty()) return Refuse("a reduction over no axes");
    if (lift != 0 || *axes.begin() != rank - count) {
      return Refuse(absl::StrCat(node.op(), " over other axes than the last"));
    }
    if (node.op() == "reduce_sum" && count > 1 && call.inputs[0].dtype != chips::I32) {
      return Refuse("a sum over several axes: its order of sums is not the machine's");
    }
    if (!call.attrs().Bool("keep_dims")) lifts_[out] = static_cast<int>(count);
    if (reduced_.has_value() && *reduced_ != count) return Refuse("reductions over different axes");
    reduced_ = count;
    steps_.push_back(&node);
    return absl::OkStatus();
  }

  // Every value has each dim of the space, or 1.
  absl::Status MakeSpace() {
    size_t rank = 0;
    for (size_t v = 0; v < dims_.size(); ++v) {
      rank = std::max(rank, Lifted(static_cast<ValueId>(v)).size());
    }
    space_.assign(rank, 1);
    for (size_t v = 0; v < dims_.size(); ++v) {
      Dims dims = Lifted(static_cast<ValueId>(v));
      dims.insert(dims.begin(), rank - dims.size(), 1);
      for (size_t d = 0; d < rank; ++d) {
        if (dims[d] == 1) continue;
        if (space_[d] != 1 && space_[d] != dims[d]) return Refuse("values of different shapes");
        space_[d] = dims[d];
      }
      full_.push_back(std::move(dims));
    }
    return absl::OkStatus();
  }

  bool Has(size_t value, size_t dim) const { return full_[value][dim] == space_[dim]; }

  // Whether no value tells dims d and e apart.
  bool SamePattern(size_t d, size_t e) const {
    for (size_t v = 0; v < full_.size(); ++v) {
      if (!constants_[v].has_value() && Has(v, d) != Has(v, e)) return false;
    }
    return true;
  }

  // Groups of dims: each is one dim of what remains. The last is the columns'.
  absl::Status Join() {
    const size_t rank = space_.size();
    const size_t reduced = static_cast<size_t>(reduced_.value_or(0));
    if (reduced > rank) return Refuse("values of different shapes");
    std::vector<size_t> columns;
    for (size_t d = rank - reduced; d < rank; ++d) {
      if (space_[d] != 1) columns.push_back(d);
    }
    for (size_t i = 1; i < columns.size(); ++i) {
      if (!SamePattern(columns[0], columns[i])) return Refuse("reductions of values in parts");
    }
    for (size_t d = 0; d < rank - reduced; ++d) {
      if (space_[d] == 1) continue;
      if (groups_.empty() || !SamePattern(groups_.back().back(), d)) {
        groups_.push_back({d});
      } else {
        groups_.back().push_back(d);
      }
    }
    if (reduced_.has_value()) groups_.push_back(columns);
    if (groups_.empty()) groups_.push_back({});
    return absl::OkStatus();
  }

  int64_t SizeOf(const std::vector<size_t>& group) const {
    int64_t size = 1;
    for (const size_t d : group) size *= space_[d];
    return size;
  }

  // Elements between neighbours of the group in the value's own row-major array; 0 where it has none.
  int64_t StrideOf(size_t value, const std::vector<size_t>& group) const {
    if (group.empty() || !Has(value, group.back())) return 0;
    int64_t stride = 1;
    for (size_t d = group.back() + 1; d < space_.size(); ++d) stride *= full_[value][d];
    return stride;
  }

  absl::StatusOr<VectorRegion> Finish() {
    VectorRegion region;
    region.reduces = reduced_.has_value();
    const std::vector<size_t> columns = groups_.back();
    groups_.pop_back();
    std::vector<size_t> rows;
    if (!groups_.empty()) {
      rows = groups_.back();
      groups_.pop_back();
    }
    region.cols = SizeOf(columns);
    region.rows = SizeOf(rows);
    for (const auto& group : groups_) region.outer.push_back(SizeOf(group));
    for (size_t v = 0; v < full_.size(); ++v) {
      VectorValue value;
      value.dtype = graph_.values(static_cast<int>(v)).dtype();
      value.by_column = StrideOf(v, columns) != 0;
      value.row_stride = StrideOf(v, rows);
      value.by_row = value.row_stride != 0;
      for (const auto& group : groups_) value.outer_strides.push_back(StrideOf(v, group));
      for (const int64_t size : full_[v]) value.elements *= size;
      value.constant = constants_[v];
      value.iota = iotas_.count(static_cast<ValueId>(v)) != 0;
      value.source = sources_[v];
      region.values.push_back(std::move(value));
    }
    region.steps = steps_;
    return region;
  }

  const graph::Graph& graph_;
  std::vector<Dims> dims_, full_;  // by value: its own, and in the space
  std::vector<int> lifts_;
  std::vector<ValueId> sources_;
  std::vector<std::optional<double>> constants_;
  std::set<ValueId> outputs_, iotas_;
  std::vector<const Node*> steps_;
  std::optional<int64_t> reduced_;  // how many last axes reductions take
  Dims space_;
  std::vector<std::vector<size_t>> groups_;
};

}  // namespace

bool VectorValue::IsFixed() const {
  return !by_row && std::all_of(outer_strides.begin(), outer_strides.end(),
                                [](int64_t stride) { return stride == 0; });
}

absl::StatusOr<VectorRegion> VectorRegion::Of(const graph::Graph& graph) {
  return Analysis(graph).Run();
}

}  // namespace strata::compiler
