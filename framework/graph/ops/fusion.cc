// fusion: a group of nodes as one, for a compiler to make one kernel of. Its region is an ordinary
// graph.
#include <cstring>

#include "framework/graph/interpreter.h"
#include "framework/graph/ops/families.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

// The region, or a fault when its ids do not stand (it may come from a message nobody has verified
// yet).
absl::StatusOr<const Graph*> RegionOf(const OpCall& call) {
  if (call.node->regions_size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("regions: has ", call.node->regions_size(), "; must be 1"));
  }
  const Graph& region = call.node->regions(0);
  const uint32_t count = static_cast<uint32_t>(region.values_size());
  for (const auto& input : region.inputs()) {
    if (input.value() >= count)
      return absl::InvalidArgumentError("regions[0].inputs: an id is no value");
  }
  for (const auto& output : region.outputs()) {
    if (output.value() >= count)
      return absl::InvalidArgumentError("regions[0].outputs: an id is no value");
  }
  if (region.updates_size() > 0)
    return absl::InvalidArgumentError("regions[0].updates: a region has none");
  return &region;
}

const Value& ValueAt(const Graph& graph, uint32_t id) { return graph.values(static_cast<int>(id)); }

TypesOr Infer(const OpCall& call) {
  STRATA_ASSIGN_OR_RETURN(const Graph* region, RegionOf(call));
  if (static_cast<size_t>(region->inputs_size()) != call.inputs.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "has ", call.inputs.size(), " inputs; its region takes ", region->inputs_size()));
  }
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const TensorType type = TypeOf(ValueAt(*region, region->inputs(static_cast<int>(i)).value()));
    if (!(call.inputs[i] == type))
      return InputFault(call, i, absl::StrCat(type.ToString(), " as in its region"));
  }
  std::vector<TensorType> types;
  for (const auto& output : region->outputs())
    types.push_back(TypeOf(ValueAt(*region, output.value())));
  return types;
}

absl::Status Reference(const OpCall& call, absl::Span<const HostTensor> in,
                       absl::Span<HostTensor> out) {
  STRATA_ASSIGN_OR_RETURN(const Graph* region, RegionOf(call));
  STRATA_ASSIGN_OR_RETURN(std::vector<HostTensor> results, Interpreter().Evaluate(*region, in));
  for (size_t i = 0; i < results.size(); ++i) {
    if (out[i].size_bytes() > 0) std::memcpy(out[i].raw(), results[i].raw(), out[i].size_bytes());
  }
  return absl::OkStatus();
}

// The nodes of the region in place of the fusion.
ValuesOr Inline(Builder& b, const OpCall& call, absl::Span<const ValueId> inputs) {
  STRATA_ASSIGN_OR_RETURN(const Graph* region, RegionOf(call));
  std::vector<ValueId> values(static_cast<size_t>(region->values_size()), kNoValue);
  for (int i = 0; i < region->inputs_size(); ++i)
    values[region->inputs(i).value()] = inputs[static_cast<size_t>(i)];
  for (const Node& node : region->nodes()) {
    std::vector<ValueId> operands;
    for (uint32_t id : node.inputs()) operands.push_back(values[id]);
    const auto scope = Builder::Scope::Exactly(b, node.origin());
    const std::vector<ValueId> results = b.ApplyMulti(
        node.op(), operands, GetAttributes(node), {node.regions().begin(), node.regions().end()});
    STRATA_RETURN_IF_ERROR(b.status());
    for (size_t k = 0; k < results.size(); ++k)
      values[node.outputs(static_cast<int>(k))] = results[k];
  }
  std::vector<ValueId> outputs;
  for (const auto& output : region->outputs()) outputs.push_back(values[output.value()]);
  return outputs;
}

// What the nodes inside do; memory is touched for operands and results only.
double Flops(const OpCall& call) {
  double flops = 0;
  for (const Node& node : call.node->regions(0).nodes()) {
    const OpDef* def = OpRegistry::Get().Find(node.op());
    if (def != nullptr) flops += WorkOf(*def, CallOf(call.node->regions(0), node)).flops;
  }
  return flops;
}

}  // namespace

void RegisterFusionOps(OpRegistry& registry) {
  OpDef def;
  def.name = "fusion";
  def.summary =
      "the results of its region on the inputs; kind names the sort of kernel the compiler means "
      "to make";
  def.op_class = OpClass::kRegion;
  def.min_inputs = 0;
  def.max_inputs = -1;
  // bytes_saved: memory traffic that the group spares, against its nodes one by one; of kind "product", against the
  // product by itself and fusions of the rest.
  def.attributes = {{"bytes_saved", AttrKind::kInt, /*required=*/false},
                    {"kind", AttrKind::kString}};
  def.infer = Infer;
  def.reference = Reference;
  def.decompose = Inline;
  def.flops = Flops;
  registry.Add(std::move(def));
}

}  // namespace strata::graph
