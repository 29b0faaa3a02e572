// Values that come from nowhere: constant and iota.
#include "framework/graph/ops/families.h"
#include "framework/graph/ops/index.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

TypesOr InferFromAttributes(const OpCall& call) {
  const DType dtype = call.attrs().Type("dtype");
  if (chips::SizeOf(dtype) == 0) return absl::InvalidArgumentError("dtype: is not set");
  STRATA_ASSIGN_OR_RETURN(Shape shape, DimsOf(call));
  return std::vector<TensorType>{{dtype, std::move(shape)}};
}

TypesOr InferIota(const OpCall& call) {
  if (call.attrs().Type("dtype") == chips::BOOL)
    return absl::InvalidArgumentError("dtype: must be a number");
  STRATA_ASSIGN_OR_RETURN(std::vector<TensorType> types, InferFromAttributes(call));
  STRATA_RETURN_IF_ERROR(AxisOf(call, types[0].rank()).status());
  return types;
}

absl::Status Constant(const OpCall& call, absl::Span<const HostTensor>,
                      absl::Span<HostTensor> out) {
  out[0].SetFromDoubles(
      std::vector<double>(static_cast<size_t>(out[0].elements()), call.attrs().Float("value")));
  return absl::OkStatus();
}

absl::Status Iota(const OpCall& call, absl::Span<const HostTensor>, absl::Span<HostTensor> out) {
  STRATA_ASSIGN_OR_RETURN(const size_t axis, AxisOf(call, out[0].rank()));
  std::vector<double> y(static_cast<size_t>(out[0].elements()));
  for (Index at(out[0].dims()); at.more(); at.Next())
    y[at.offset()] = static_cast<double>(at.index()[axis]);
  out[0].SetFromDoubles(y);
  return absl::OkStatus();
}

}  // namespace

void RegisterConstantOps(OpRegistry& registry) {
  OpDef constant;
  constant.name = "constant";
  constant.summary = "dims filled with value";
  constant.op_class = OpClass::kElementwise;
  constant.attributes = {
      {"value", AttrKind::kFloat}, {"dtype", AttrKind::kDType}, {"dims", AttrKind::kDims}};
  constant.infer = InferFromAttributes;
  constant.reference = Constant;
  constant.flops = [](const OpCall&) { return 0.0; };
  registry.Add(std::move(constant));

  OpDef iota;
  iota.name = "iota";
  iota.summary = "each element's index along axis";
  iota.op_class = OpClass::kElementwise;
  iota.attributes = {
      {"dtype", AttrKind::kDType}, {"dims", AttrKind::kDims}, {"axis", AttrKind::kInt}};
  iota.infer = InferIota;
  iota.reference = Iota;
  iota.flops = [](const OpCall&) { return 0.0; };
  registry.Add(std::move(iota));
}

}  // namespace strata::graph
