// embedding: rows of a table by id. embedding_gradient: its adjoint, adds each row of dout to the
// row of its id.
#include "framework/graph/builder.h"
#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  const TensorType& table = call.inputs[0];
  const TensorType& ids = call.inputs[1];
  STRATA_RETURN_IF_ERROR(CheckFloat(table, "table"));
  STRATA_RETURN_IF_ERROR(CheckRank(table, "table", "[V, C]", 2));
  STRATA_RETURN_IF_ERROR(CheckDType(ids, "ids", chips::I32));
  Shape shape = ids.shape;
  shape.push_back(table.shape[1]);
  return std::vector<TensorType>{{table.dtype, shape}};
}

absl::StatusOr<std::vector<TensorType>> InferGradient(const OpCall& call) {
  const TensorType& ids = call.inputs[0];
  const TensorType& dout = call.inputs[1];
  const TensorType table = {dout.dtype, call.attrs().Dims("dims")};
  STRATA_RETURN_IF_ERROR(CheckDType(ids, "ids", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckFloat(dout, "dout"));
  STRATA_RETURN_IF_ERROR(CheckRank(table, "dims", "[V, C]", 2));
  Shape expected = ids.shape;
  expected.push_back(table.shape[1]);
  STRATA_RETURN_IF_ERROR(CheckShape(dout, "dout", expected));
  return std::vector<TensorType>{table};
}

// Calls f(row of the table, position) for each id.
template <typename F>
absl::Status ForEachId(const HostTensor& ids, int64_t rows, F f) {
  for (int64_t i = 0; i < ids.elements(); ++i) {
    const int64_t id = ids.data<int32_t>()[i];
    if (id < 0 || id >= rows) {
      return absl::OutOfRangeError(
          absl::StrCat("ids: element ", i, " is ", id, "; the table has rows [0, ", rows, ")"));
    }
    f(static_cast<size_t>(id), static_cast<size_t>(i));
  }
  return absl::OkStatus();
}

absl::Status Reference(const OpCall&, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  const std::vector<double> table = inputs[0].ToDoubles();
  std::vector<double> out(static_cast<size_t>(outputs[0].elements()));
  const size_t columns = static_cast<size_t>(inputs[0].dims()[1]);
  STRATA_RETURN_IF_ERROR(ForEachId(inputs[1], inputs[0].dims()[0], [&](size_t row, size_t i) {
    for (size_t c = 0; c < columns; ++c) out[i * columns + c] = table[row * columns + c];
  }));
  outputs[0].SetFromDoubles(out);
  return absl::OkStatus();
}

absl::Status ReferenceGradient(const OpCall&, absl::Span<const HostTensor> inputs,
                               absl::Span<HostTensor> outputs) {
  const std::vector<double> dout = inputs[1].ToDoubles();
  std::vector<double> table(static_cast<size_t>(outputs[0].elements()), 0.0);
  const size_t columns = static_cast<size_t>(outputs[0].dims()[1]);
  STRATA_RETURN_IF_ERROR(ForEachId(inputs[0], outputs[0].dims()[0], [&](size_t row, size_t i) {
    for (size_t c = 0; c < columns; ++c) table[row * columns + c] += dout[i * columns + c];
  }));
  outputs[0].SetFromDoubles(table);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ValueId>> Gradient(GradientContext& context) {
  const ValueId dtable =
      context.builder.Apply("embedding_gradient", {context.inputs[1], context.output_gradients[0]},
                            {{"dims", Attr(context.call.inputs[0].shape)}});
  return std::vector<ValueId>{dtable, kNoValue};
}

// Linear in dout: the adjoint of the adjoint is the look-up itself.
absl::StatusOr<std::vector<ValueId>> GradientOfGradient(GradientContext& context) {
  const ValueId ddout =
      context.builder.Apply("embedding", {context.output_gradients[0], context.inputs[0]});
  return std::vector<ValueId>{kNoValue, ddout};
}

double Bytes(const TensorType& type) { return static_cast<double>(type.size_bytes()); }

}  // namespace

void RegisterEmbeddingOps(OpRegistry& registry) {
  OpDef embedding;
  embedding.name = "embedding";
  embedding.summary = "table [V, C], ids [...] i32 -> the rows of the ids [..., C]";
  embedding.min_inputs = embedding.max_inputs = 2;
  embedding.infer = Infer;
  embedding.reference = Reference;
  embedding.gradient = Gradient;
  // Reads the ids and one row an id; computes nothing.
  embedding.work = [](const OpCall& call) {
    return Work{0, Bytes(call.inputs[1]) + Bytes(call.outputs[0]), Bytes(call.outputs[0])};
  };
  registry.Add(std::move(embedding));

  OpDef gradient;
  gradient.name = "embedding_gradient";
  gradient.summary = "ids [...] i32, dout [..., C] -> [V, C], row v the sum of dout where ids = v";
  gradient.min_inputs = gradient.max_inputs = 2;
  gradient.attributes = {{"dims", AttrKind::kDims}};
  gradient.infer = InferGradient;
  gradient.reference = ReferenceGradient;
  gradient.gradient = GradientOfGradient;
  // One addition an element of dout.
  gradient.flops = [](const OpCall& call) {
    return static_cast<double>(call.inputs[1].elements());
  };
  registry.Add(std::move(gradient));
}

}  // namespace strata::graph
