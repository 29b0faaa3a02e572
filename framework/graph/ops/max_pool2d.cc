// max_pool2d: x [N, H, W, C] -> the largest element under each position of a window, channel by channel. Padding is
// never chosen: it must be smaller than the window, so that every position sees the image. A NaN is kept, as in
// reduce_max; where the maximum is tied the gradient goes to the first in memory order.
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "framework/graph/ops/families.h"
#include "framework/graph/ops/index.h"
#include "framework/graph/ops/op_util.h"
#include "framework/graph/ops/window.h"

namespace strata::graph {
namespace {

absl::StatusOr<Window> PoolOf(const OpCall& call) {
  const std::vector<int64_t> extents = call.attrs().Ints("window");
  if (extents.size() != 2)
    return absl::InvalidArgumentError("window: must be 2 numbers: height, width");
  STRATA_ASSIGN_OR_RETURN(const Window window, WindowOf(call, extents[0], extents[1]));
  for (const WindowAxis& axis : {window.height, window.width}) {
    if (axis.before < axis.extent && axis.after < axis.extent) continue;
    return absl::InvalidArgumentError(absl::StrCat("padding: ", std::max(axis.before, axis.after),
                                                   " is not smaller than the window's ",
                                                   axis.extent));
  }
  return window;
}

absl::StatusOr<Shape> PooledShape(const OpCall& call, const TensorType& x) {
  STRATA_ASSIGN_OR_RETURN(const Window window, PoolOf(call));
  for (size_t axis : {1, 2}) {
    if (x.shape[axis] == Size(0))
      return absl::InvalidArgumentError(
          absl::StrCat("x: is ", x.ToString(), "; there is no maximum of nothing"));
  }
  STRATA_ASSIGN_OR_RETURN(const Size rows, window.height.Positions(x.shape[1], "H"));
  STRATA_ASSIGN_OR_RETURN(const Size columns, window.width.Positions(x.shape[2], "W"));
  return Shape{x.shape[0], rows, columns, x.shape[3]};
}

TypesOr InferPool(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckNumber(call, 0));
  STRATA_RETURN_IF_ERROR(CheckRank(call, 0, 4));
  STRATA_ASSIGN_OR_RETURN(Shape shape, PooledShape(call, call.inputs[0]));
  return std::vector<TensorType>{{call.inputs[0].dtype, std::move(shape)}};
}

TypesOr InferGradient(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckFloat(call, 0));
  STRATA_RETURN_IF_ERROR(CheckRank(call, 0, 4));
  STRATA_RETURN_IF_ERROR(CheckSameDType(call, 1, 0));
  STRATA_ASSIGN_OR_RETURN(const Shape shape, PooledShape(call, call.inputs[0]));
  STRATA_RETURN_IF_ERROR(CheckShape(call, 1, shape));
  return std::vector<TensorType>{call.inputs[0]};
}

// For each element of the result, in memory order, the offset in x of the one it is.
absl::StatusOr<std::vector<size_t>> Chosen(const OpCall& call, const std::vector<double>& x,
                                           const Dims& from, const Dims& to) {
  STRATA_ASSIGN_OR_RETURN(const Window window, PoolOf(call));
  const int64_t H = from[1], W = from[2], C = from[3];
  std::vector<size_t> chosen(static_cast<size_t>(Product(to)));
  for (Index at(to); at.more(); at.Next()) {
    const int64_t n = at.index()[0], oh = at.index()[1], ow = at.index()[2], c = at.index()[3];
    size_t best = x.size();
    for (int64_t kh = 0; kh < window.height.extent; ++kh) {
      const int64_t h = window.height.At(oh, kh);
      for (int64_t kw = 0; kw < window.width.extent; ++kw) {
        const int64_t w = window.width.At(ow, kw);
        if (h < 0 || h >= H || w < 0 || w >= W) continue;
        const auto i = static_cast<size_t>(((n * H + h) * W + w) * C + c);
        if (best == x.size() || x[i] > x[best] || (std::isnan(x[i]) && !std::isnan(x[best])))
          best = i;
      }
    }
    chosen[at.offset()] = best;
  }
  return chosen;
}

absl::Status PoolReference(const OpCall& call, absl::Span<const HostTensor> in,
                           absl::Span<HostTensor> out) {
  const std::vector<double> x = in[0].ToDoubles();
  STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> chosen,
                          Chosen(call, x, in[0].dims(), out[0].dims()));
  std::vector<double> y(chosen.size());
  for (size_t i = 0; i < y.size(); ++i) y[i] = x[chosen[i]];
  out[0].SetFromDoubles(y);
  return absl::OkStatus();
}

absl::Status GradientReference(const OpCall& call, absl::Span<const HostTensor> in,
                               absl::Span<HostTensor> out) {
  const std::vector<double> x = in[0].ToDoubles(), dy = in[1].ToDoubles();
  STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> chosen,
                          Chosen(call, x, in[0].dims(), in[1].dims()));
  std::vector<double> dx(x.size(), 0.0);
  for (size_t i = 0; i < dy.size(); ++i) dx[chosen[i]] += dy[i];
  out[0].SetFromDoubles(dx);
  return absl::OkStatus();
}

ValuesOr PoolGradient(GradientContext& c) {
  if (!chips::IsFloat(c.call.inputs[0].dtype)) return std::vector<ValueId>{kNoValue};
  return std::vector<ValueId>{c.builder.Apply("max_pool2d_gradient",
                                              {c.inputs[0], c.output_gradients[0]},
                                              {{"window", Attr(c.call.attrs().Ints("window"))},
                                               {"strides", Attr(c.call.attrs().Ints("strides"))},
                                               {"padding", Attr(c.call.attrs().Ints("padding"))}})};
}

// One for each element of the window, as reduce_max counts one an element.
double Flops(const OpCall& call, const TensorType& pooled) {
  const std::vector<int64_t> window = call.attrs().Ints("window");
  return static_cast<double>(window[0] * window[1]) * static_cast<double>(pooled.elements());
}

}  // namespace

void RegisterMaxPool2dOps(OpRegistry& registry) {
  OpDef pool;
  pool.name = "max_pool2d";
  pool.summary = "x [N, H, W, C] -> the largest under each position of a window [N, OH, OW, C]";
  pool.min_inputs = pool.max_inputs = 1;
  pool.attributes = {
      {"window", AttrKind::kInts}, {"strides", AttrKind::kInts}, {"padding", AttrKind::kInts}};
  OpDef gradient = pool;
  pool.infer = InferPool;
  pool.reference = PoolReference;
  pool.gradient = PoolGradient;
  pool.flops = [](const OpCall& call) { return Flops(call, call.outputs[0]); };
  registry.Add(std::move(pool));

  gradient.name = "max_pool2d_gradient";
  gradient.summary = "x, dy [N, OH, OW, C] -> the gradient of max_pool2d's x";
  gradient.min_inputs = gradient.max_inputs = 2;
  gradient.infer = InferGradient;
  gradient.reference = GradientReference;
  gradient.flops = [](const OpCall& call) {  // the search, and one addition an element of dy
    return Flops(call, call.inputs[1]) + InputElements(call, 1);
  };
  registry.Add(std::move(gradient));
}

}  // namespace strata::graph
