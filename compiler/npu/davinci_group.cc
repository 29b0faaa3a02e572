#include "compiler/npu/davinci_group.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;
using graph::OpCall;
using graph::TensorType;
using graph::ValueId;
using Dims = std::vector<int64_t>;

absl::Status Refuse(absl::string_view why) { return absl::UnimplementedError(why); }

bool IsHeadOp(const std::string& op) {
  return op == "matmul" || op == "conv2d" || op == "max_pool2d" || op == "reduce_sum";
}

bool IsArithmetic(const std::string& op) {
  return op == "add" || op == "sub" || op == "mul" || op == "max" || op == "min";
}

bool IsStep(const std::string& op) {
  return op == "broadcast_to" || op == "cast" || op == "requantize" || IsArithmetic(op);
}

// The operands that the head reads as whole tensors: of requantize and the like none.
int HeadOperands(const std::string& op) { return op == "matmul" || op == "conv2d" ? 2 : 1; }

class Reader {
 public:
  explicit Reader(const Graph& region) : region_(region) { group_.region = &region; }

  absl::StatusOr<DavinciGroup> Run() {
    STRATA_RETURN_IF_ERROR(ReadTypes());
    for (const Node& node : region_.nodes()) {
      if (!IsHeadOp(node.op())) continue;
      if (group_.head != nullptr) return Refuse("a group of two products, pools or sums");
      group_.head = &node;
    }
    STRATA_RETURN_IF_ERROR(group_.head == nullptr ? ReadShape() : ReadHead());
    for (const Node& node : region_.nodes()) {
      if (&node == group_.head || done_.count(&node) > 0) continue;
      STRATA_RETURN_IF_ERROR(Annotate(Visit(graph::CallOf(region_, node)), node.op()));
    }
    for (const graph::Output& output : region_.outputs()) {
      const DavinciValue& value = Source(output.value());
      if (value.kind != DavinciValue::kTile || value.input >= 0) {
        return Refuse("a result that no vector instruction makes");
      }
    }
    return std::move(group_);
  }

 private:
  DavinciValue& Value(ValueId id) { return group_.values[id]; }
  DavinciValue& Source(ValueId id) { return Value(Value(id).source); }
  TensorType TypeOf(ValueId id) const {
    return graph::TypeOf(region_.values(static_cast<int>(id)));
  }

  absl::Status ReadTypes() {
    for (int i = 0; i < region_.values_size(); ++i) {
      const TensorType type = graph::TypeOf(region_.values(i));
      if (!type.concrete()) return Refuse("its shapes are not known");
      DavinciValue value;
      value.source = static_cast<ValueId>(i);
      value.bytes = type.dtype == chips::I8 ? 1 : 4;
      if (type.dtype != chips::I8 && type.dtype != chips::I32) {
        return Refuse(absl::StrCat("the DaVinci core's kernels compute in i8 and i32, not in ",
                                   chips::DTypeName(type.dtype)));
      }
      group_.values.push_back(value);
    }
    for (int i = 0; i < region_.inputs_size(); ++i) Value(region_.inputs(i).value()).input = i;
    return absl::OkStatus();
  }

  // Without a head, C's shape is that of the results.
  absl::Status ReadShape() {
    if (region_.outputs_size() == 0) return Refuse("a group without a result");
    return SetShape(TypeOf(region_.outputs(0).value()).dims());
  }

  absl::Status SetShape(const Dims& dims) {
    dims_ = dims;
    group_.columns = dims.empty() ? 1 : dims.back();
    group_.rows = 1;
    for (size_t i = 0; i + 1 < dims.size(); ++i) group_.rows *= dims[i];
    if (group_.rows * group_.columns == 0) return Refuse("a result without elements");
    return absl::OkStatus();
  }

  absl::Status ReadHead() {
    const Node& head = *group_.head;
    const OpCall call = graph::CallOf(region_, head);
    if (head.op() == "reduce_sum") {
      STRATA_RETURN_IF_ERROR(ReadSum(call));
    } else {
      for (int i = 0; i < HeadOperands(head.op()); ++i) {
        const DavinciValue& value = Value(head.inputs(i));
        if (value.input < 0) return Refuse("a product of what its own group makes");
        if (value.bytes != 1) return Refuse("products and pools of other types than i8");
      }
    }
    group_.c = head.outputs(0);
    Value(head.outputs(0)).kind = DavinciValue::kTile;
    return SetShape(call.outputs[0].dims());
  }

  // Over height and width of [N, H, W, C], of an input or of a cast of one.
  absl::Status ReadSum(const OpCall& call) {
    std::set<int64_t> axes;
    for (const int64_t axis : call.attrs().Ints("axes")) axes.insert(axis < 0 ? axis + 4 : axis);
    if (call.inputs[0].rank() != 4 || axes != std::set<int64_t>{1, 2}) {
      return Refuse("sums over other axes than height and width");
    }
    ValueId x = call.node->inputs(0);
    for (const Node& node : region_.nodes()) {
      if (node.op() != "cast" || node.outputs(0) != x) continue;
      x = node.inputs(0);
      done_.insert(&node);
      break;
    }
    if (Value(x).input < 0) return Refuse("a sum of what its own group makes");
    group_.summed = x;
    return absl::OkStatus();
  }

  // By its dims, right-aligned with C's.
  absl::StatusOr<DavinciValue::Kind> KindOf(ValueId id) const {
    Dims dims = TypeOf(id).dims();
    if (dims == dims_) return DavinciValue::kTile;
    if (dims.size() > dims_.size()) return Refuse("operands of more dims than the result");
    dims.insert(dims.begin(), dims_.size() - dims.size(), 1);
    for (size_t i = 0; i + 1 < dims.size(); ++i) {
      if (dims[i] != 1) return Refuse("operands that rows share in parts");
    }
    return !dims_.empty() && dims.back() == dims_.back() ? DavinciValue::kRow
                                                         : DavinciValue::kNumber;
  }

  absl::Status Visit(const OpCall& call) {
    const Node& node = *call.node;
    const ValueId out = node.outputs(0);
    if (node.op() == "constant") return Constant(call);
    if (!IsStep(node.op())) return Refuse("no instruction of the vector unit");
    for (const uint32_t input : node.inputs()) STRATA_RETURN_IF_ERROR(Operand(input));
    const bool same_type = node.op() == "cast" && Value(out).bytes == Value(node.inputs(0)).bytes;
    if (node.op() == "broadcast_to" || same_type) {
      Value(out).source = Value(node.inputs(0)).source;
      return absl::OkStatus();
    }
    STRATA_RETURN_IF_ERROR(CheckStep(node));
    STRATA_ASSIGN_OR_RETURN(Value(out).kind, KindOf(out));
    if (Value(out).kind != DavinciValue::kTile) return Refuse("work on less than the result");
    group_.steps.push_back(&node);
    return absl::OkStatus();
  }

  absl::Status Constant(const OpCall& call) {
    const double value = call.attrs().Float("value");
    const bool held =
        value == std::floor(value) && std::fabs(value) <= std::numeric_limits<int32_t>::max();
    if (!held) return Refuse("a constant that is no whole number");
    DavinciValue& out = Value(call.node->outputs(0));
    out.kind = DavinciValue::kNumber;
    out.number = static_cast<int32_t>(value);
    return absl::OkStatus();
  }

  absl::Status Operand(ValueId id) {
    DavinciValue& value = Source(id);
    if (value.input < 0 || value.kind != DavinciValue::kUnused) return absl::OkStatus();
    STRATA_ASSIGN_OR_RETURN(value.kind, KindOf(value.source));
    if (value.kind == DavinciValue::kNumber) {
      // It is repeated in L1, which products fill with their own.
      const bool product = group_.head != nullptr && HeadOperands(group_.head->op()) == 2;
      if (product) return Refuse("an operand of one element behind a product");
      value.kind = DavinciValue::kRow;
      value.repeated = true;
    }
    if (value.kind == DavinciValue::kRow && value.bytes != 4) return Refuse("a row of i8");
    return absl::OkStatus();
  }

  absl::Status CheckStep(const Node& node) {
    const DavinciValue& a = Source(node.inputs(0));
    const bool tile = a.kind == DavinciValue::kTile;
    if (node.op() == "cast") {
      return tile && a.bytes == 1 ? absl::OkStatus() : Refuse("a cast from i32 to i8");
    }
    if (node.op() == "requantize") {
      const bool rows = Source(node.inputs(1)).kind == DavinciValue::kRow &&
                        Source(node.inputs(2)).kind == DavinciValue::kRow;
      return tile && rows ? absl::OkStatus() : Refuse("requantize by what the group makes");
    }
    return CheckArithmetic(node, a, Source(node.inputs(1)));
  }

  static absl::Status CheckArithmetic(const Node& node, const DavinciValue& a,
                                      const DavinciValue& b) {
    const bool commutes = node.op() != "sub";
    const bool extremum = node.op() == "max" || node.op() == "min";
    const bool tile_first = a.kind == DavinciValue::kTile;
    if (!tile_first && !(commutes && b.kind == DavinciValue::kTile)) {
      return Refuse("a difference from a row or a number");
    }
    const bool numbers = a.kind == DavinciValue::kNumber || b.kind == DavinciValue::kNumber;
    if (a.bytes != 4 && (!extremum || numbers)) return Refuse("arithmetic in i8");
    const DavinciValue& other = tile_first ? b : a;
    if (other.kind == DavinciValue::kUnused) return Refuse("an operand of no known shape");
    return absl::OkStatus();
  }

  const Graph& region_;
  DavinciGroup group_;
  Dims dims_;
  std::set<const Node*> done_;
};

}  // namespace

absl::StatusOr<DavinciGroup> ReadDavinciGroup(const Graph& region) { return Reader(region).Run(); }

}  // namespace strata::compiler
