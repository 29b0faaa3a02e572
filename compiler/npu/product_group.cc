#include "compiler/npu/product_group.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/npu/vector_ops.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;
using graph::OpCall;
using graph::TensorType;
using graph::ValueId;

absl::Status Refuse(absl::string_view why) { return absl::UnimplementedError(why); }

class Reader {
 public:
  explicit Reader(const Graph& region) : region_(region) {}

  absl::StatusOr<ProductGroup> Run() {
    STRATA_RETURN_IF_ERROR(FindProduct());
    group_.values.resize(static_cast<size_t>(region_.values_size()));
    for (size_t v = 0; v < group_.values.size(); ++v) {
      group_.values[v].dtype = region_.values(static_cast<int>(v)).dtype();
      group_.values[v].source = static_cast<ValueId>(v);
    }
    for (int i = 0; i < region_.inputs_size(); ++i) {
      group_.values[region_.inputs(i).value()].input = i;
    }
    STRATA_RETURN_IF_ERROR(ReadProduct());
    for (const Node& node : region_.nodes()) {
      if (&node != group_.product && &node != widening_) STRATA_RETURN_IF_ERROR(Visit(node));
    }
    return CheckOutputs();
  }

 private:
  absl::Status FindProduct() {
    for (const Node& node : region_.nodes()) {
      if (!IsProductNode(region_, node)) continue;
      if (group_.product != nullptr) return Refuse("a group of two products");
      group_.product = &node;
    }
    if (group_.product == nullptr) return Refuse("a group without a product");
    for (const graph::Value& value : region_.values()) {
      if (!graph::TypeOf(value).concrete()) return Refuse("its shapes are not known");
    }
    return absl::OkStatus();
  }

  absl::Status ReadProduct() {
    const OpCall call = graph::CallOf(region_, *group_.product);
    STRATA_ASSIGN_OR_RETURN(group_.problem, ProductProblemOf(call));
    group_.a = group_.values[group_.product->inputs(0)].input;
    if (group_.problem.work == WindowWork::kSum) FindWidening();
    const bool weighted = group_.product->inputs_size() > 1;
    group_.w = weighted ? group_.values[group_.product->inputs(1)].input : group_.a;
    if (group_.a < 0 || group_.w < 0) return Refuse("a product of what its own group makes");
    dims_ = call.outputs[0].dims();
    GroupValue& c = Value(group_.product->outputs(0));
    c.kind = GroupValueKind::kTile;
    if (!IsHeld(c.dtype)) return Refuse("a product in a type that the accumulators do not hold");
    return absl::OkStatus();
  }

  // A sum of bytes: the cast to int32 before it is done on the way into the accumulators.
  void FindWidening() {
    const ValueId sum_of = group_.product->inputs(0);
    for (const Node& node : region_.nodes()) {
      if (node.op() != "cast" || node.outputs(0) != sum_of) continue;
      const GroupValue& source = group_.values[node.inputs(0)];
      if (source.input < 0 || source.dtype != chips::I8 || Readers(sum_of) != 1) return;
      widening_ = &node;
      group_.a = source.input;
      group_.problem.type = chips::I8;
      group_.problem.bytes = 1;
    }
  }

  int64_t Readers(ValueId id) const {
    int64_t readers = 0;
    for (const Node& node : region_.nodes()) {
      readers += std::count(node.inputs().begin(), node.inputs().end(), id);
    }
    for (const graph::Output& output : region_.outputs()) readers += output.value() == id;
    return readers;
  }

  GroupValue& Value(ValueId id) { return group_.values[id]; }

  // By its dims, right-aligned with C's.
  absl::StatusOr<GroupValueKind> KindOf(const TensorType& type) const {
    std::vector<int64_t> dims = type.dims();
    if (dims.size() > dims_.size()) return Refuse("operands of more dims than the product");
    dims.insert(dims.begin(), dims_.size() - dims.size(), 1);
    const bool one_row =
        std::all_of(dims.begin(), dims.end() - 1, [](int64_t d) { return d == 1; });
    const bool short_of_dims = type.rank() < static_cast<int64_t>(dims_.size());
    // Of a C of one row, a vector is a row and what has all dims is a tile.
    if (dims == dims_ && !(one_row && short_of_dims)) return GroupValueKind::kTile;
    if (!one_row) {
      return Refuse("operands that the product's rows share in parts");
    }
    if (dims.back() == 1 && dims_.back() != 1) return GroupValueKind::kNumber;
    return GroupValueKind::kRow;
  }

  absl::Status Visit(const Node& node) {
    const OpCall call = graph::CallOf(region_, node);
    const ValueId out = node.outputs(0);
    if (node.op() == "constant") {
      Value(out).kind = GroupValueKind::kNumber;
      Value(out).constant = call.attrs().Float("value");
      return absl::OkStatus();
    }
    const bool requantize = node.op() == "requantize";
    if (!requantize) STRATA_RETURN_IF_ERROR(CheckVectorOp(call));
    if (IsVectorReductionOp(node.op())) return Refuse("a reduction behind a product");
    for (const uint32_t input : node.inputs()) STRATA_RETURN_IF_ERROR(VisitOperand(input));
    if (node.op() == "broadcast_to" || IsFreeCast(call)) {
      const bool tile = Value(Value(node.inputs(0)).source).kind == GroupValueKind::kTile;
      if (tile && call.outputs[0].elements() != call.inputs[0].elements())
        return Refuse("a product that is repeated");
      Value(out).source = Value(node.inputs(0)).source;
      Value(out).kind = Value(Value(out).source).kind;
      return absl::OkStatus();
    }
    STRATA_ASSIGN_OR_RETURN(Value(out).kind, KindOf(call.outputs[0]));
    if (Value(out).kind != GroupValueKind::kTile) {
      return Refuse("work on operands that are smaller than the product");
    }
    if (requantize) STRATA_RETURN_IF_ERROR(CheckRequantize(node));
    for (const uint32_t input : node.inputs()) Value(Value(input).source).read = true;
    group_.steps.push_back(&node);
    return absl::OkStatus();
  }

  absl::Status VisitOperand(ValueId id) {
    GroupValue& value = Value(Value(id).source);
    if (requantized_.count(value.source) > 0) return Refuse("work behind a requantize");
    if (value.input < 0 || value.kind != GroupValueKind::kUnused) return absl::OkStatus();
    STRATA_ASSIGN_OR_RETURN(value.kind,
                            KindOf(graph::TypeOf(region_.values(static_cast<int>(value.source)))));
    if (!IsHeld(value.dtype)) return Refuse("operands of a type that the accumulators do not hold");
    // A single number is loaded as a row of one would be: not by this form.
    if (value.kind == GroupValueKind::kNumber) return Refuse("an operand of one element");
    return absl::OkStatus();
  }

  absl::Status CheckRequantize(const Node& node) {
    for (const int i : {1, 2}) {
      const GroupValue& factor = Value(Value(node.inputs(i)).source);
      if (factor.kind != GroupValueKind::kRow || factor.input < 0) {
        return Refuse("requantize by factors that the group makes");
      }
    }
    if (Value(Value(node.inputs(0)).source).kind != GroupValueKind::kTile) {
      return Refuse("requantize of other than the product's tile");
    }
    if (!requantized_.empty()) return Refuse("a group of two requantize");
    requantized_.insert(node.outputs(0));
    return absl::OkStatus();
  }

  absl::StatusOr<ProductGroup> CheckOutputs() {
    for (const graph::Output& output : region_.outputs()) {
      const GroupValue& value = Value(output.value());
      const bool made = Value(value.source).input < 0 && value.kind == GroupValueKind::kTile;
      if (!made) return Refuse("a result that is not of the product's shape");
      if (value.source != output.value()) Value(value.source).read = true;  // in its own dtype
    }
    return std::move(group_);
  }

  const Graph& region_;
  ProductGroup group_;
  std::vector<int64_t> dims_;
  const Node* widening_ = nullptr;
  std::set<ValueId> requantized_;
};

}  // namespace

bool IsProductNode(const Graph& graph, const Node& node) {
  if (node.op() == "matmul" || node.op() == "conv2d" || node.op() == "max_pool2d") return true;
  return node.op() == "reduce_sum" && IsImageSum(graph::CallOf(graph, node));
}

absl::StatusOr<ProductGroup> ProductGroup::Of(const Graph& region) { return Reader(region).Run(); }

}  // namespace strata::compiler
