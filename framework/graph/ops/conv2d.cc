// Convolutions of images: x [N, H, W, C] with w [KH, KW, C / groups, O] -> [N, OH, OW, O]. Group g of the input channels
// makes group g of the outputs; groups = C is a depthwise convolution. Padding is zeros, and counts as work: flops are 2
// KH KW C / groups an output element. The two gradients are ops of their own, each the others' adjoint, so that they can
// be differentiated again. i8 images and weights give exact sums in i32.
#include "absl/strings/str_cat.h"
#include "framework/graph/ops/families.h"
#include "framework/graph/ops/index.h"
#include "framework/graph/ops/op_util.h"
#include "framework/graph/ops/window.h"

namespace strata::graph {
namespace {

constexpr char kInput[] = "conv2d_gradient_input";
constexpr char kWeight[] = "conv2d_gradient_weight";

int64_t GroupsOf(const OpCall& call) { return call.attrs().Int("groups", 1); }

// The shape of y, or why x and w do not go together.
absl::StatusOr<Shape> ResultShape(const OpCall& call, const Shape& x, const Shape& w) {
  const auto fault = [](auto&&... parts) {
    return absl::InvalidArgumentError(absl::StrCat(parts...));
  };
  if (x.size() != 4) return fault("x: is ", ToString(x), "; must be [N, H, W, C]");
  if (w.size() != 4) return fault("w: is ", ToString(w), "; must be [KH, KW, C / groups, O]");
  if (w[0].is_symbol() || w[1].is_symbol())
    return fault("w: is ", ToString(w), "; KH and KW must be sizes");
  STRATA_ASSIGN_OR_RETURN(const Window window, WindowOf(call, w[0].size(), w[1].size()));
  const int64_t groups = GroupsOf(call);
  if (groups < 1) return fault("groups: is ", groups, "; must be at least 1");
  if (groups > 1) {
    if (x[3].is_symbol() || w[3].is_symbol())
      return fault("groups: is ", groups, "; C and O must be sizes then");
    if (x[3].size() % groups != 0 || w[3].size() % groups != 0)
      return fault("groups: is ", groups, "; must divide C = ", x[3].size(),
                   " and O = ", w[3].size());
  }
  const Size channels = groups == 1 ? x[3] : Size(x[3].size() / groups);
  if (!(w[2] == channels))
    return fault("w: has ", w[2].ToString(),
                 " input channels; must be C / groups = ", channels.ToString());
  STRATA_ASSIGN_OR_RETURN(const Size rows, window.height.Positions(x[1], "H"));
  STRATA_ASSIGN_OR_RETURN(const Size columns, window.width.Positions(x[2], "W"));
  return Shape{x[0], rows, columns, w[3]};
}

absl::StatusOr<DType> ResultDType(const OpCall& call) {
  const DType operands = call.inputs[0].dtype;
  const DType natural = operands == chips::I8 ? chips::I32 : operands;
  if (!call.attrs().Has("output_dtype")) return natural;
  const DType asked = call.attrs().Type("output_dtype");
  if (operands == chips::I8 ? asked == chips::I32 : chips::IsFloat(asked)) return asked;
  return absl::InvalidArgumentError(
      absl::StrCat("output_dtype: is ", chips::DTypeName(asked), "; must be ",
                   operands == chips::I8 ? "i32 for i8 operands" : "a float dtype"));
}

TypesOr InferConv(const OpCall& call) {
  if (call.inputs[0].dtype != chips::I8 && !chips::IsFloat(call.inputs[0].dtype))
    return InputFault(call, 0, "of a float dtype or i8");
  STRATA_RETURN_IF_ERROR(CheckSameDType(call, 1, 0));
  const Shape& w = call.inputs[1].shape;
  STRATA_ASSIGN_OR_RETURN(Shape shape, ResultShape(call, call.inputs[0].shape, w));
  if (call.inputs[0].dtype == chips::I8 && !w[2].is_symbol())
    STRATA_RETURN_IF_ERROR(
        CheckInt8Terms(static_cast<double>(w[0].size()) * static_cast<double>(w[1].size()) *
                       static_cast<double>(w[2].size())));
  STRATA_ASSIGN_OR_RETURN(const DType dtype, ResultDType(call));
  return std::vector<TensorType>{{dtype, std::move(shape)}};
}

// The gradients' attribute `dims`, the shape of their result.
TypesOr InferGradientInput(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckFloat(call, 0));
  STRATA_RETURN_IF_ERROR(CheckSameDType(call, 1, 0));
  STRATA_ASSIGN_OR_RETURN(Shape x, DimsOf(call));
  STRATA_ASSIGN_OR_RETURN(const Shape y, ResultShape(call, x, call.inputs[1].shape));
  STRATA_RETURN_IF_ERROR(CheckShape(call, 0, y));
  return std::vector<TensorType>{{call.inputs[0].dtype, std::move(x)}};
}

TypesOr InferGradientWeight(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckFloat(call, 0));
  STRATA_RETURN_IF_ERROR(CheckSameDType(call, 1, 0));
  STRATA_ASSIGN_OR_RETURN(Shape w, DimsOf(call));
  STRATA_ASSIGN_OR_RETURN(const Shape y, ResultShape(call, call.inputs[0].shape, w));
  STRATA_RETURN_IF_ERROR(CheckShape(call, 1, y));
  return std::vector<TensorType>{{call.inputs[0].dtype, std::move(w)}};
}

struct Sizes {
  int64_t N, H, W, C, KH, KW, O, OH, OW, groups;
  Window window;
};

absl::StatusOr<Sizes> SizesOf(const OpCall& call, const Dims& x, const Dims& w, const Dims& y) {
  STRATA_ASSIGN_OR_RETURN(const Window window, WindowOf(call, w[0], w[1]));
  return Sizes{x[0], x[1], x[2], x[3], w[0], w[1], w[3], y[1], y[2], GroupsOf(call), window};
}

// Calls f(ix, iw, iy, n) for all products x[ix] w[iw + i] that belong to y[iy + i], i < n: for each place of y in memory
// order those of its window in memory order.
template <typename F>
void ForEachRow(const Sizes& s, const F& f) {
  const int64_t c_group = s.C / s.groups, o_group = s.O / s.groups;
  for (int64_t n = 0; n < s.N; ++n) {
    for (int64_t oh = 0; oh < s.OH; ++oh) {
      for (int64_t ow = 0; ow < s.OW; ++ow) {
        const int64_t iy = ((n * s.OH + oh) * s.OW + ow) * s.O;
        for (int64_t kh = 0; kh < s.KH; ++kh) {
          const int64_t h = s.window.height.At(oh, kh);
          if (h < 0 || h >= s.H) continue;
          for (int64_t kw = 0; kw < s.KW; ++kw) {
            const int64_t w = s.window.width.At(ow, kw);
            if (w < 0 || w >= s.W) continue;
            const int64_t ix = ((n * s.H + h) * s.W + w) * s.C;
            const int64_t iw = (kh * s.KW + kw) * c_group * s.O;
            for (int64_t g = 0; g < s.groups; ++g) {
              for (int64_t c = 0; c < c_group; ++c)
                f(ix + g * c_group + c, iw + c * s.O + g * o_group, iy + g * o_group, o_group);
            }
          }
        }
      }
    }
  }
}

// y starts at 0. T holds the sums: double for floats, int32_t for i8.
template <typename X, typename T>
void Convolve(const Sizes& s, const X* x, const X* w, T* y) {
  ForEachRow(s, [=](int64_t ix, int64_t iw, int64_t iy, int64_t n) {
    const T factor = x[ix];
    for (int64_t i = 0; i < n; ++i) y[iy + i] += factor * w[iw + i];
  });
}

absl::Status ConvReference(const OpCall& call, absl::Span<const HostTensor> in,
                           absl::Span<HostTensor> out) {
  STRATA_ASSIGN_OR_RETURN(const Sizes s, SizesOf(call, in[0].dims(), in[1].dims(), out[0].dims()));
  if (in[0].dtype() == chips::I8) {
    std::fill_n(out[0].data<int32_t>(), out[0].elements(), 0);
    Convolve(s, in[0].data<int8_t>(), in[1].data<int8_t>(), out[0].data<int32_t>());
    return absl::OkStatus();
  }
  const std::vector<double> x = in[0].ToDoubles(), w = in[1].ToDoubles();
  std::vector<double> y(static_cast<size_t>(out[0].elements()), 0.0);
  Convolve(s, x.data(), w.data(), y.data());
  out[0].SetFromDoubles(y);
  return absl::OkStatus();
}

absl::Status GradientInputReference(const OpCall& call, absl::Span<const HostTensor> in,
                                    absl::Span<HostTensor> out) {
  STRATA_ASSIGN_OR_RETURN(const Sizes s, SizesOf(call, out[0].dims(), in[1].dims(), in[0].dims()));
  const std::vector<double> dy = in[0].ToDoubles(), w = in[1].ToDoubles();
  std::vector<double> dx(static_cast<size_t>(out[0].elements()), 0.0);
  ForEachRow(s, [&](int64_t ix, int64_t iw, int64_t iy, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i)
      sum += dy[static_cast<size_t>(iy + i)] * w[static_cast<size_t>(iw + i)];
    dx[static_cast<size_t>(ix)] += sum;
  });
  out[0].SetFromDoubles(dx);
  return absl::OkStatus();
}

absl::Status GradientWeightReference(const OpCall& call, absl::Span<const HostTensor> in,
                                     absl::Span<HostTensor> out) {
  STRATA_ASSIGN_OR_RETURN(const Sizes s, SizesOf(call, in[0].dims(), out[0].dims(), in[1].dims()));
  const std::vector<double> x = in[0].ToDoubles(), dy = in[1].ToDoubles();
  std::vector<double> dw(static_cast<size_t>(out[0].elements()), 0.0);
  ForEachRow(s, [&](int64_t ix, int64_t iw, int64_t iy, int64_t n) {
    const double factor = x[static_cast<size_t>(ix)];
    for (int64_t i = 0; i < n; ++i)
      dw[static_cast<size_t>(iw + i)] += factor * dy[static_cast<size_t>(iy + i)];
  });
  out[0].SetFromDoubles(dw);
  return absl::OkStatus();
}

// ---- gradients: y = x * w, dx = dy * w and dw = x * dy are each linear in both of their operands.

// The attributes of the convolution; with `dims`, those of a gradient whose result has that shape.
Attributes WindowAttributes(const OpCall& call) {
  return {{"strides", Attr(call.attrs().Ints("strides"))},
          {"padding", Attr(call.attrs().Ints("padding"))},
          {"groups", Attr(GroupsOf(call))}};
}

ValueId Conv(const GradientContext& c, ValueId x, ValueId w) {
  return c.builder.Apply("conv2d", {x, w}, WindowAttributes(c.call));
}

ValueId Gradient(const GradientContext& c, const char* op, ValueId a, ValueId b,
                 const Shape& dims) {
  Attributes attributes = WindowAttributes(c.call);
  attributes["dims"] = Attr(dims);
  return c.builder.Apply(op, {a, b}, attributes);
}

ValuesOr ConvGradient(GradientContext& c) {
  const DType dtype = c.call.inputs[0].dtype;
  if (!chips::IsFloat(dtype)) {
    return absl::UnimplementedError(
        "conv2d of i8 has no gradient: train with floats, then quantise");
  }
  ValueId dy = c.output_gradients[0];
  if (c.call.outputs[0].dtype != dtype)
    dy = c.builder.Apply("cast", {dy}, {{"dtype", Attr(dtype)}});
  return std::vector<ValueId>{
      c.needs[0] ? Gradient(c, kInput, dy, c.inputs[1], c.call.inputs[0].shape) : kNoValue,
      c.needs[1] ? Gradient(c, kWeight, c.inputs[0], dy, c.call.inputs[1].shape) : kNoValue};
}

// dx [...] of dy and w.
ValuesOr GradientInputGradient(GradientContext& c) {
  const ValueId ddx = c.output_gradients[0];
  return std::vector<ValueId>{
      c.needs[0] ? Conv(c, ddx, c.inputs[1]) : kNoValue,
      c.needs[1] ? Gradient(c, kWeight, ddx, c.inputs[0], c.call.inputs[1].shape) : kNoValue};
}

// dw of x and dy.
ValuesOr GradientWeightGradient(GradientContext& c) {
  const ValueId ddw = c.output_gradients[0];
  return std::vector<ValueId>{
      c.needs[0] ? Gradient(c, kInput, c.inputs[1], ddw, c.call.inputs[0].shape) : kNoValue,
      c.needs[1] ? Conv(c, c.inputs[0], ddw) : kNoValue};
}

// Two flops for each of y's elements and each of its window: the same for all three.
double Flops(const TensorType& y, const TensorType& w) {
  const Dims dims = w.dims();
  return 2.0 * static_cast<double>(dims[0] * dims[1] * dims[2]) * static_cast<double>(y.elements());
}

}  // namespace

void RegisterConv2dOps(OpRegistry& registry) {
  OpDef conv;
  conv.name = "conv2d";
  conv.summary =
      "x [N, H, W, C], w [KH, KW, C / groups, O] -> [N, OH, OW, O]; i8 operands give exact i32";
  conv.min_inputs = conv.max_inputs = 2;
  conv.attributes = {{"strides", AttrKind::kInts},
                     {"padding", AttrKind::kInts},
                     {"groups", AttrKind::kInt, false},
                     {"output_dtype", AttrKind::kDType, false}};
  conv.infer = InferConv;
  conv.reference = ConvReference;
  conv.gradient = ConvGradient;
  conv.flops = [](const OpCall& call) { return Flops(call.outputs[0], call.inputs[1]); };
  registry.Add(std::move(conv));

  OpDef gradient;
  gradient.min_inputs = gradient.max_inputs = 2;
  gradient.attributes = {{"strides", AttrKind::kInts},
                         {"padding", AttrKind::kInts},
                         {"groups", AttrKind::kInt, false},
                         {"dims", AttrKind::kDims}};

  OpDef input = gradient;
  input.name = kInput;
  input.summary = "dy [N, OH, OW, O], w -> the gradient of conv2d's x, of shape dims";
  input.infer = InferGradientInput;
  input.reference = GradientInputReference;
  input.gradient = GradientInputGradient;
  input.flops = [](const OpCall& call) { return Flops(call.inputs[0], call.inputs[1]); };
  registry.Add(std::move(input));

  OpDef weight = gradient;
  weight.name = kWeight;
  weight.summary = "x, dy [N, OH, OW, O] -> the gradient of conv2d's w, of shape dims";
  weight.infer = InferGradientWeight;
  weight.reference = GradientWeightReference;
  weight.gradient = GradientWeightGradient;
  weight.flops = [](const OpCall& call) { return Flops(call.inputs[1], call.outputs[0]); };
  registry.Add(std::move(weight));
}

}  // namespace strata::graph
