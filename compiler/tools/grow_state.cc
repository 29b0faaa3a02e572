// Ops on what outlives a run: caches and an optimizer's moments.
#include "compiler/tools/grow_ops.h"

namespace strata::compiler {

using graph::Attr;
using graph::Shape;
using graph::TensorType;
using graph::ValueId;

void GrowCacheUpdate(ProgramMaker& m) {
  const chips::DType dtype = m.FloatType();
  const int64_t batch = 1 + m.Below(3), slots = 4 + m.Below(5), heads = 1 + m.Below(2),
                width = m.Size();
  const ValueId cache = m.NewInput({dtype, {batch, slots, heads, width}}, "state", graph::STATE);
  const auto full =
      m.Try("cache_update", {cache, m.OfType({dtype, {batch, 1 + m.Below(2), heads, width}}),
                             m.OfType({chips::I32, {batch}})});
  if (!full.empty() && m.OneIn(2)) m.builder().Update(cache, full[0]);
}

void GrowOptimizer(ProgramMaker& m) {
  const ValueId gradient = m.Find([](const TensorType& t) { return t.dtype == chips::F32; });
  if (gradient == graph::kNoValue) return;
  const TensorType type = m.type(gradient), scalar = {chips::F32, {}};
  const ValueId p = m.NewInput(type, "p", graph::PARAMETER),
                mean = m.NewInput(type, "m", graph::STATE);
  const ValueId start = m.NewInput(type, "v", graph::STATE);
  const auto square = m.Try("square", {start});
  const auto rate =
      m.Try("constant", {},
            {{"value", Attr(1e-2)}, {"dtype", Attr(chips::F32)}, {"dims", Attr(Shape{})}});
  const auto step = m.Try(
      "constant", {}, {{"value", Attr(3.0)}, {"dtype", Attr(chips::F32)}, {"dims", Attr(Shape{})}});
  if (square.empty() || rate.empty() || step.empty()) return;
  const auto moved = m.Try("adamw", {p, gradient, mean, square[0], rate[0], step[0]},
                           {{"beta1", Attr(0.9)},
                            {"beta2", Attr(0.95)},
                            {"epsilon", Attr(1e-2)},
                            {"weight_decay", Attr(m.OneIn(2) ? 0.0 : 0.1)}});
  if (moved.empty()) return;
  m.builder().Update(p, moved[0]);
  m.builder().Update(mean, moved[1]);
}

}  // namespace strata::compiler
