// matmul_packed_group: matmul_packed of one x with several matrices of one format: queries, keys and values; gate and up. x
// is rounded once, and one kernel does all.
#include "chips/numerics/packed_rows.h"
#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/families.h"
#include "framework/graph/ops/packed_weights.h"

namespace strata::graph {
namespace {

// The call of matmul_packed that matrix i is.
struct One {
  One(const OpCall& call, size_t i) {
    node.set_op("matmul_packed");
    const std::vector<int64_t> n = call.attrs().Ints("n");
    Attributes attributes = GetAttributes(*call.node);
    attributes["n"] = Attr(n[i]);
    SetAttributes(attributes, &node);
    this->call = {&node, {call.inputs[0], call.inputs[1 + i]}, {}};
    if (!call.outputs.empty()) this->call.outputs = {call.outputs[i]};
  }
  Node node;
  OpCall call;
};

const OpDef& MatmulPacked() { return *OpRegistry::Get().Find("matmul_packed"); }

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  const size_t matrices = call.inputs.size() - 1;
  if (call.attrs().Ints("n").size() != matrices) {
    return absl::InvalidArgumentError(absl::StrCat("n: has ", call.attrs().Ints("n").size(),
                                                   " numbers; there are ", matrices, " matrices"));
  }
  std::vector<TensorType> types;
  for (size_t i = 0; i < matrices; ++i) {
    const auto one = MatmulPacked().infer(One(call, i).call);
    STRATA_RETURN_IF_ERROR(Annotate(one.status(), absl::StrCat("matrix ", i)));
    types.push_back((*one)[0]);
  }
  return types;
}

absl::Status Reference(const OpCall& call, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const HostTensor operands[] = {inputs[0], inputs[1 + i]};
    STRATA_RETURN_IF_ERROR(
        MatmulPacked().reference(One(call, i).call, operands, outputs.subspan(i, 1)));
  }
  return absl::OkStatus();
}

double Flops(const OpCall& call) {
  double flops = 0;
  for (size_t i = 0; i < call.outputs.size(); ++i) flops += MatmulPacked().flops(One(call, i).call);
  return flops;
}

}  // namespace

void RegisterMatmulPackedGroupOps(OpRegistry& registry) {
  OpDef def;
  def.name = "matmul_packed_group";
  def.summary =
      "x [..., K] f32, w... u8: n[i] rows of K weights each in a format -> x wᵀ [..., n[i]] of "
      "each";
  def.min_inputs = 2;
  def.max_inputs = -1;
  def.attributes = {
      {"format", AttrKind::kString}, {"layout", AttrKind::kString}, {"n", AttrKind::kInts}};
  def.infer = Infer;
  def.reference = Reference;
  def.flops = Flops;
  registry.Add(std::move(def));
}

}  // namespace strata::graph
