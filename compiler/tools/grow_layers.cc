// What layers of a model are made of: norms, activations, tables of rows, losses, choices.
#include "compiler/tools/fuzz_inputs.h"
#include "compiler/tools/grow_ops.h"

namespace strata::compiler {

using graph::Attr;
using graph::Attributes;
using graph::Shape;
using graph::TensorType;
using graph::ValueId;
using Dims = ProgramMaker::Dims;

void GrowNorm(ProgramMaker& m) {
  const ValueId x = m.Find(IsFloatRow);
  if (x == graph::kNoValue) return;
  const TensorType row = {m.type(x).dtype, {m.dims(x).back()}};
  const Attributes epsilon = {{"epsilon", Attr(1e-5)}};
  switch (m.Below(4)) {
    case 0:
      m.Try("layer_norm", {x, m.OfType(row), m.OfType(row)}, epsilon);
      return;
    case 1:
      m.Try("rms_norm", {x, m.OfType(row)}, epsilon);
      return;
    default:
      m.Try("softmax", {x});
  }
}

void GrowActivation(ProgramMaker& m) {
  if (m.OneIn(2)) {
    m.Try("silu", {m.Find(IsFloat)});
  } else {
    m.Try("gelu", {m.Find(IsFloat)}, {{"approximate", Attr(m.OneIn(2))}});
  }
}

void GrowEmbedding(ProgramMaker& m) {
  const Dims dims = m.RandomDims(m.Below(3));
  const TensorType ids_type = {chips::I32, ShapeOf(dims)};
  const int64_t width = m.Size(), rows_in = 3 + m.Below(40), rows_out = rows_in + m.Below(5);
  const ValueId ids =
      m.OneIn(2) ? m.OfType(ids_type) : m.NewInput(ids_type, IntegerName(0, rows_in - 1));
  const auto rows = m.Try("embedding", {m.OfType({m.DType(), {rows_in, width}}), ids});
  if (rows.empty() || m.OneIn(2)) return;
  m.Try("embedding_gradient", {ids, rows[0]}, {{"dims", Attr(Shape{rows_out, width})}});
}

void GrowLoss(ProgramMaker& m) {
  const ValueId logits = m.Find(IsFloatRow);
  if (logits == graph::kNoValue) return;
  Dims rows = m.dims(logits);
  const int64_t classes = rows.back();
  rows.pop_back();
  const TensorType ids = {chips::I32, ShapeOf(rows)};
  const bool some_ignored = classes > 0 && !m.OneIn(3);
  const ValueId targets =
      some_ignored ? m.NewInput(ids, IntegerName(-1, classes - 1)) : m.OfType(ids);
  const auto loss = m.Try("cross_entropy", {logits, targets});
  if (loss.empty() || m.OneIn(2)) return;
  m.Try("cross_entropy_gradient", {logits, targets, loss[1], m.OfType(m.type(loss[0]))});
}

// The best few, and now and then the rows they name.
void GrowChoice(ProgramMaker& m) {
  const ValueId x = m.Find(IsFloatRow);
  if (x == graph::kNoValue || m.dims(x).back() == 0) return;
  const int64_t count = m.dims(x).back();
  const auto best = m.Try("top_k", {x}, {{"k", Attr(1 + m.Below(count))}});
  if (!best.empty() && m.OneIn(3))
    m.Try("embedding", {m.OfType({m.FloatType(), {count, m.Size()}}), best[1]});
}

}  // namespace strata::compiler
