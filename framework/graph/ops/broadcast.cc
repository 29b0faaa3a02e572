// broadcast_to, and its adjoint sum_to.
#include "framework/graph/ops/families.h"
#include "framework/graph/ops/index.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

// OK when an array of shape `from` broadcasts to exactly `to`.
absl::Status CheckStretches(const Shape& from, const Shape& to) {
  absl::StatusOr<Shape> both = BroadcastShapes(from, to);
  if (both.ok() && *both == to) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("shape ", ToString(from), " does not stretch to ", ToString(to)));
}

TypesOr InferBroadcastTo(const OpCall& call) {
  STRATA_ASSIGN_OR_RETURN(Shape dims, DimsOf(call));
  STRATA_RETURN_IF_ERROR(CheckStretches(call.inputs[0].shape, dims));
  return std::vector<TensorType>{{call.inputs[0].dtype, std::move(dims)}};
}

TypesOr InferSumTo(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckNumber(call, 0));
  STRATA_ASSIGN_OR_RETURN(Shape dims, DimsOf(call));
  STRATA_RETURN_IF_ERROR(CheckStretches(dims, call.inputs[0].shape));
  return std::vector<TensorType>{{call.inputs[0].dtype, std::move(dims)}};
}

absl::Status BroadcastToReference(const OpCall&, absl::Span<const HostTensor> in,
                                  absl::Span<HostTensor> out) {
  const std::vector<double> x = in[0].ToDoubles();
  std::vector<double> y(static_cast<size_t>(out[0].elements()));
  for (Index at(out[0].dims()); at.more(); at.Next()) {
    y[at.offset()] = x[BroadcastOffset(at.index(), in[0].dims())];
  }
  out[0].SetFromDoubles(y);
  return absl::OkStatus();
}

absl::Status SumToReference(const OpCall&, absl::Span<const HostTensor> in,
                            absl::Span<HostTensor> out) {
  const std::vector<double> x = in[0].ToDoubles();
  std::vector<double> y(static_cast<size_t>(out[0].elements()), 0.0);
  for (Index at(in[0].dims()); at.more(); at.Next()) {
    y[BroadcastOffset(at.index(), out[0].dims())] += x[at.offset()];
  }
  out[0].SetFromDoubles(y);
  return absl::OkStatus();
}

ValuesOr BroadcastToGradient(GradientContext& c) {
  return std::vector<ValueId>{SumTo(c.builder, c.output_gradients[0], c.call.inputs[0].shape)};
}

ValuesOr SumToGradient(GradientContext& c) {
  return std::vector<ValueId>{
      BroadcastTo(c.builder, c.output_gradients[0], c.call.inputs[0].shape)};
}

// Sums over the dims that were added in front or stretched from 1, then puts the ones back.
ValuesOr DecomposeSumTo(Builder& b, const OpCall& call, absl::Span<const ValueId> inputs) {
  const Shape& from = call.inputs[0].shape;
  STRATA_ASSIGN_OR_RETURN(const Shape to, DimsOf(call));
  const size_t added = from.size() - to.size();
  std::vector<int64_t> axes;
  for (size_t d = 0; d < from.size(); ++d) {
    if (d < added || !(from[d] == to[d - added])) axes.push_back(static_cast<int64_t>(d));
  }
  ValueId y = inputs[0];
  if (!axes.empty())
    y = b.Apply("reduce_sum", {y}, {{"axes", Attr(axes)}, {"keep_dims", Attr(false)}});
  return std::vector<ValueId>{Reshape(b, y, to)};
}

}  // namespace

void RegisterBroadcastOps(OpRegistry& registry) {
  OpDef broadcast;
  broadcast.name = "broadcast_to";
  broadcast.summary = "x stretched to dims";
  broadcast.op_class = OpClass::kElementwise;
  broadcast.min_inputs = broadcast.max_inputs = 1;
  broadcast.attributes = {{"dims", AttrKind::kDims}};
  broadcast.infer = InferBroadcastTo;
  broadcast.reference = BroadcastToReference;
  broadcast.gradient = BroadcastToGradient;
  broadcast.flops = [](const OpCall&) { return 0.0; };
  registry.Add(std::move(broadcast));

  OpDef sum;
  sum.name = "sum_to";
  sum.summary = "sums what broadcasting dims to the shape of x would stretch";
  sum.op_class = OpClass::kReduction;
  sum.min_inputs = sum.max_inputs = 1;
  sum.attributes = {{"dims", AttrKind::kDims}};
  sum.infer = InferSumTo;
  sum.reference = SumToReference;
  sum.gradient = SumToGradient;
  sum.decompose = DecomposeSumTo;
  registry.Add(std::move(sum));
}

}  // namespace strata::graph
