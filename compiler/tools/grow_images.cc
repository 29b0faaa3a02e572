// Images [N, H, W, C]: convolutions with their gradients, and pools.
#include <vector>

#include "compiler/tools/fuzz_inputs.h"
#include "compiler/tools/grow_ops.h"

namespace strata::compiler {

using graph::Attr;
using graph::Attributes;
using graph::Shape;
using graph::TensorType;
using graph::ValueId;

namespace {

// An operand of a convolution: int8 ones use all of their range.
ValueId Operand(ProgramMaker& m, chips::DType dtype, const Shape& shape) {
  const TensorType type = {dtype, shape};
  return dtype == chips::I8 ? m.NewInput(type, IntegerName(-127, 127)) : m.OfType(type);
}

// Strides, and padding that leaves part of the image under every place of the window.
Attributes DrawWindow(ProgramMaker& m, int64_t height, int64_t width) {
  const auto edge = [&](int64_t extent) { return m.OneIn(2) ? int64_t{0} : m.Below(extent); };
  const int64_t stride = 1 + m.Below(3);
  return {{"strides", Attr(std::vector<int64_t>{stride, m.OneIn(2) ? stride : 1 + m.Below(2)})},
          {"padding",
           Attr(std::vector<int64_t>{edge(height), edge(height), edge(width), edge(width)})}};
}

}  // namespace

void GrowConvolution(ProgramMaker& m) {
  const chips::DType dtype = m.OneIn(4) ? chips::I8 : m.FloatType();
  const int64_t groups = m.OneIn(2) ? 1 : 1 + m.Below(8), each = m.OneIn(3) ? 1 : 1 + m.Below(9);
  const int64_t outputs = groups * (1 + m.Below(m.OneIn(3) ? 20 : 4));
  const int64_t height = 1 + m.Below(4), width = 1 + m.Below(4);
  const Shape x_dims = {1 + m.Below(2), 1 + m.Below(9), 1 + m.Below(9), groups * each},
              w_dims = {height, width, each, outputs};
  const ValueId x = Operand(m, dtype, x_dims), w = Operand(m, dtype, w_dims);
  Attributes window = DrawWindow(m, height, width);
  window["groups"] = Attr(groups);
  const auto y = m.Try("conv2d", {x, w}, window);
  if (y.empty() || dtype == chips::I8) return;
  const TensorType dy = m.type(y[0]);
  if (m.OneIn(2)) {
    window["dims"] = Attr(x_dims);
    m.Try("conv2d_gradient_input", {m.OfType(dy), w}, window);
  }
  if (m.OneIn(2)) {
    window["dims"] = Attr(w_dims);
    m.Try("conv2d_gradient_weight", {x, m.OfType(dy)}, window);
  }
}

void GrowPool(ProgramMaker& m) {
  static const std::vector<chips::DType> kIntegers = {chips::I8, chips::I32};
  const chips::DType dtype = m.OneIn(4) ? m.Pick(kIntegers) : m.FloatType();
  const Shape dims = {1 + m.Below(2), 1 + m.Below(9), 1 + m.Below(9), 1 + m.Below(20)};
  const ValueId x = dtype == chips::I32 ? m.NewInput({dtype, dims}, IntegerName(-100000, 100000))
                                        : Operand(m, dtype, dims);
  const int64_t height = 1 + m.Below(3), width = 1 + m.Below(3);
  Attributes window = DrawWindow(m, height, width);
  window["window"] = Attr(std::vector<int64_t>{height, width});
  const auto y = m.Try("max_pool2d", {x}, window, ProgramMaker::Numbers::kAll);
  if (!y.empty() && chips::IsFloat(dtype) && m.OneIn(2))
    m.Try("max_pool2d_gradient", {x, m.OfType(m.type(y[0]))}, window);
}

}  // namespace strata::compiler
