// Reductions over a set of axes.
#include <cmath>
#include <limits>

#include "framework/graph/ops/families.h"
#include "framework/graph/ops/index.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

// The shape of x with every axis of `axes` at 1 (keep), or without them.
Shape ReducedShape(const Shape& shape, const std::vector<size_t>& axes, bool keep) {
  Shape reduced;
  size_t next = 0;
  for (size_t d = 0; d < shape.size(); ++d) {
    const bool is_axis = next < axes.size() && axes[next] == d;
    if (is_axis) ++next;
    if (!is_axis) reduced.push_back(shape[d]);
    if (is_axis && keep) reduced.push_back(1);
  }
  return reduced;
}

// The extents that are summed away.
Shape ExtentsOf(const Shape& shape, const std::vector<size_t>& axes) {
  Shape extents;
  for (size_t axis : axes) extents.push_back(shape[axis]);
  return extents;
}

TypesOr Infer(const OpCall& call) {
  const TensorType& x = call.inputs[0];
  STRATA_RETURN_IF_ERROR(CheckNumber(call, 0));
  STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> axes, AxesOf(call, x.rank()));
  return std::vector<TensorType>{
      {x.dtype, ReducedShape(x.shape, axes, call.attrs().Bool("keep_dims"))}};
}

TypesOr InferMean(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckFloat(call, 0));
  return Infer(call);
}

// Folds every element of x into the element of y it belongs to; y starts with `start`.
absl::StatusOr<std::vector<double>> Fold(const OpCall& call, const HostTensor& x, double start,
                                         double (*fold)(double total, double value)) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> axes, AxesOf(call, x.rank()));
  Dims kept = x.dims();
  for (size_t axis : axes) kept[axis] = 1;
  std::vector<double> y(static_cast<size_t>(Product(kept)), start);
  const std::vector<double> values = x.ToDoubles();
  for (Index at(x.dims()); at.more(); at.Next()) {
    double& total = y[BroadcastOffset(at.index(), kept)];
    total = fold(total, values[at.offset()]);
  }
  return y;
}

double Add(double total, double value) { return total + value; }
double Larger(double total, double value) {
  return value > total || std::isnan(value) ? value : total;
}

absl::Status ReduceSum(const OpCall& call, absl::Span<const HostTensor> in,
                       absl::Span<HostTensor> out) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<double> y, Fold(call, in[0], 0.0, Add));
  out[0].SetFromDoubles(y);
  return absl::OkStatus();
}

absl::Status ReduceMax(const OpCall& call, absl::Span<const HostTensor> in,
                       absl::Span<HostTensor> out) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<double> y,
                          Fold(call, in[0], -std::numeric_limits<double>::infinity(), Larger));
  out[0].SetFromDoubles(y);
  return absl::OkStatus();
}

absl::Status ReduceMean(const OpCall& call, absl::Span<const HostTensor> in,
                        absl::Span<HostTensor> out) {
  STRATA_ASSIGN_OR_RETURN(std::vector<double> y, Fold(call, in[0], 0.0, Add));
  const double count = static_cast<double>(in[0].elements()) / static_cast<double>(y.size());
  for (double& value : y) value /= count;
  out[0].SetFromDoubles(y);
  return absl::OkStatus();
}

// What the gradients share: a value of the reduced shape spread over the shape of x again.
struct Spreader {
  Shape kept, full;

  static absl::StatusOr<Spreader> Of(const OpCall& call) {
    const Shape& shape = call.inputs[0].shape;
    STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> axes, AxesOf(call, call.inputs[0].rank()));
    return Spreader{ReducedShape(shape, axes, true), shape};
  }
  ValueId Keep(Builder& b, ValueId value) const { return Reshape(b, value, kept); }
  ValueId Spread(Builder& b, ValueId value) const { return BroadcastTo(b, Keep(b, value), full); }
};

ValuesOr SumGradient(GradientContext& c) {
  STRATA_ASSIGN_OR_RETURN(const Spreader spreader, Spreader::Of(c.call));
  return std::vector<ValueId>{spreader.Spread(c.builder, c.output_gradients[0])};
}

// The elements that are the maximum share its gradient equally.
ValuesOr MaxGradient(GradientContext& c) {
  STRATA_ASSIGN_OR_RETURN(const Spreader spreader, Spreader::Of(c.call));
  Builder& b = c.builder;
  const DType dtype = c.call.inputs[0].dtype;
  const ValueId is_max = b.Apply("equal", {c.inputs[0], spreader.Keep(b, c.outputs[0])});
  const ValueId mask = b.Apply("cast", {is_max}, {{"dtype", Attr(dtype)}});
  const ValueId winners = SumTo(b, mask, spreader.kept);
  const ValueId share = b.Apply("div", {spreader.Keep(b, c.output_gradients[0]), winners});
  return std::vector<ValueId>{b.Apply("mul", {mask, share})};
}

ValuesOr MeanGradient(GradientContext& c) {
  STRATA_ASSIGN_OR_RETURN(const Spreader spreader, Spreader::Of(c.call));
  STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> axes, AxesOf(c.call, c.call.inputs[0].rank()));
  Builder& b = c.builder;
  const ValueId count =
      ElementCount(b, ExtentsOf(c.call.inputs[0].shape, axes), c.call.inputs[0].dtype);
  return std::vector<ValueId>{spreader.Spread(b, b.Apply("div", {c.output_gradients[0], count}))};
}

ValuesOr DecomposeMean(Builder& b, const OpCall& call, absl::Span<const ValueId> inputs) {
  const TensorType& x = call.inputs[0];
  STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> axes, AxesOf(call, x.rank()));
  const ValueId sum = b.Apply("reduce_sum", {inputs[0]}, GetAttributes(*call.node));
  return std::vector<ValueId>{
      b.Apply("div", {sum, ElementCount(b, ExtentsOf(x.shape, axes), x.dtype)})};
}

OpDef Reduction(const char* name, const char* summary) {
  OpDef def;
  def.name = name;
  def.summary = summary;
  def.op_class = OpClass::kReduction;
  def.min_inputs = def.max_inputs = 1;
  def.attributes = {{"axes", AttrKind::kInts}, {"keep_dims", AttrKind::kBool, /*required=*/false}};
  def.infer = Infer;
  return def;
}

}  // namespace

void RegisterReduceOps(OpRegistry& registry) {
  OpDef sum = Reduction("reduce_sum", "sum over axes; 0 for no elements");
  sum.reference = ReduceSum;
  sum.gradient = SumGradient;
  registry.Add(std::move(sum));

  OpDef max = Reduction("reduce_max", "maximum over axes; -inf for no elements, NaN if one is");
  max.reference = ReduceMax;
  max.gradient = MaxGradient;
  registry.Add(std::move(max));

  OpDef mean = Reduction("reduce_mean", "mean over axes; NaN for no elements");
  mean.infer = InferMean;
  mean.reference = ReduceMean;
  mean.gradient = MeanGradient;
  mean.decompose = DecomposeMean;
  mean.flops = [](const OpCall& call) {
    return InputElements(call, 0) + OutputElements(call);
  };  // sums, divisions
  registry.Add(std::move(mean));
}

}  // namespace strata::graph
