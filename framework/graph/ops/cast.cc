// cast: the same numbers in another dtype.
#include "framework/graph/ops/families.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

TypesOr Infer(const OpCall& call) {
  const DType dtype = call.attrs().Type("dtype");
  if (chips::SizeOf(dtype) == 0) return absl::InvalidArgumentError("dtype: is not set");
  return std::vector<TensorType>{{dtype, call.inputs[0].shape}};
}

absl::Status Cast(const OpCall&, absl::Span<const HostTensor> in, absl::Span<HostTensor> out) {
  out[0].SetFromDoubles(in[0].ToDoubles());
  return absl::OkStatus();
}

// Rounding has no slope of its own: the gradient passes through, and stops at a dtype that is not a
// float.
ValuesOr Gradient(GradientContext& c) {
  const DType dtype = c.call.inputs[0].dtype;
  if (!chips::IsFloat(dtype) || !chips::IsFloat(c.call.outputs[0].dtype))
    return std::vector<ValueId>{kNoValue};
  return std::vector<ValueId>{
      c.builder.Apply("cast", {c.output_gradients[0]}, {{"dtype", Attr(dtype)}})};
}

}  // namespace

void RegisterCastOps(OpRegistry& registry) {
  OpDef def;
  def.name = "cast";
  def.summary =
      "x in another dtype: one rounding to floats, truncation with saturation to integers, != 0 to "
      "bool";
  def.op_class = OpClass::kElementwise;
  def.min_inputs = def.max_inputs = 1;
  def.attributes = {{"dtype", AttrKind::kDType}};
  def.infer = Infer;
  def.reference = Cast;
  def.gradient = Gradient;
  def.flops = [](const OpCall&) { return 0.0; };
  registry.Add(std::move(def));
}

}  // namespace strata::graph
