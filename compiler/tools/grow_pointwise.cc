// Ops on one element at a time, and where their numbers come from.
#include <string>
#include <vector>

#include "compiler/tools/grow_ops.h"

namespace strata::compiler {

using graph::Attr;
using graph::Shape;
using graph::TensorType;
using graph::ValueId;
using Dims = ProgramMaker::Dims;

void GrowUnary(ProgramMaker& m) {
  static const std::vector<std::string> kOps = {"neg",     "exp",   "log",        "sqrt",  "tanh",
                                                "sigmoid", "relu",  "erf",        "abs",   "sin",
                                                "cos",     "rsqrt", "reciprocal", "square"};
  m.Try(m.Pick(kOps), {m.Find(IsFloat)});
}

// The shape with some dims at 1 and perhaps without its first ones: it broadcasts to the whole.
Shape Narrowed(ProgramMaker& m, const Dims& dims) {
  Dims narrow(dims.begin() + m.Below(static_cast<int64_t>(dims.size()) + 1), dims.end());
  for (int64_t& dim : narrow) dim = m.OneIn(3) ? 1 : dim;
  return ShapeOf(narrow);
}

// A second operand for x: of its shape, or one that broadcasts with it, or a constant.
ValueId Partner(ProgramMaker& m, ValueId x) {
  const TensorType type = m.type(x);
  const auto fits = [&](const TensorType& t) {
    return t.dtype == type.dtype && graph::BroadcastShapes(t.shape, type.shape).ok();
  };
  if (m.OneIn(5)) {
    static const std::vector<double> kNumbers = {0, 1, -1, 0.5, 2, 3, -0.25, 1e-3};
    const auto constant = m.Try("constant", {},
                                {{"value", Attr(m.Pick(kNumbers))},
                                 {"dtype", Attr(type.dtype)},
                                 {"dims", Attr(m.OneIn(3) ? type.shape : Shape{})}});
    if (!constant.empty()) return constant[0];
  }
  if (m.OneIn(5)) return m.NewInput({type.dtype, Narrowed(m, type.dims())});
  return m.Find(fits);
}

void GrowBinary(ProgramMaker& m) {
  static const std::vector<std::string> kOps = {"add", "add", "sub", "mul", "mul",
                                                "div", "max", "min", "pow"};
  const ValueId x = m.Find(IsNumber);
  if (x == graph::kNoValue) return;
  const ValueId y = Partner(m, x);
  const bool turn = m.OneIn(2);
  m.Try(m.Pick(kOps), {turn ? y : x, turn ? x : y});
}

void GrowSelect(ProgramMaker& m) {
  static const std::vector<std::string> kOps = {"less", "less_equal", "equal"};
  const ValueId x = m.Find(IsNumber);
  if (x == graph::kNoValue) return;
  const ValueId y = Partner(m, x);
  const auto mask = m.Try(m.Pick(kOps), {x, y});
  if (!mask.empty() && !m.OneIn(4)) m.Try("select", {mask[0], m.OneIn(2) ? x : y, Partner(m, x)});
}

void GrowCast(ProgramMaker& m) { m.Try("cast", {m.Find(IsAny)}, {{"dtype", Attr(m.DType())}}); }

void GrowSource(ProgramMaker& m) {
  const Dims dims = m.RandomDims(1 + m.Below(3));
  const chips::DType dtype = m.OneIn(2) ? chips::I32 : m.DType();
  m.Try("iota", {},
        {{"dtype", Attr(dtype)},
         {"dims", Attr(ShapeOf(dims))},
         {"axis", Attr(m.Below(static_cast<int64_t>(dims.size())))}});
}

}  // namespace strata::compiler
