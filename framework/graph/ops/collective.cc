// Collectives, as one rank sees them. The reference kernels know one rank only; a device with
// `Collectives` runs more. All have the attributes `group` (mesh axes, "dp" or "dp,cp"; unset: all
// ranks) and `ranks`, the group's size. Dims are cut and joined in the order of the group's ranks.
#include <cstring>
#include <utility>
#include <vector>

#include "framework/graph/ops/families.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

absl::StatusOr<int64_t> RanksOf(const OpCall& call) {
  const int64_t ranks = call.attrs().Int("ranks");
  if (ranks >= 1) return ranks;
  return absl::InvalidArgumentError(absl::StrCat("ranks: is ", ranks, "; must be >= 1"));
}

absl::Status CheckReduction(const OpCall& call, bool takes_max) {
  STRATA_RETURN_IF_ERROR(CheckNumber(call, 0));
  const std::string reduction = call.attrs().String("reduction");
  if (reduction == "sum" || reduction == "mean" || (takes_max && reduction == "max"))
    return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "reduction: is '", reduction, "'; must be 'sum' or 'mean'", takes_max ? " or 'max'" : ""));
}

TypesOr InferAllReduce(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckReduction(call, /*takes_max=*/true));
  return std::vector<TensorType>{call.inputs[0]};
}

// Dim `name` (an attribute) of input 0.
absl::StatusOr<size_t> DimOf(const OpCall& call, const char* name) {
  if (call.inputs[0].rank() == 0) return InputFault(call, 0, "of rank 1 or more");
  absl::StatusOr<int64_t> axis = NormalizeAxis(call.attrs().Int(name), call.inputs[0].rank());
  if (!axis.ok()) return Annotate(axis.status(), name);
  return static_cast<size_t>(*axis);
}

absl::Status Grow(const OpCall& call, size_t axis, int64_t ranks, TensorType* type) {
  if (ranks == 1) return absl::OkStatus();
  if (type->shape[axis].is_symbol())
    return InputFault(call, 0, absl::StrCat("of a known size along dim ", axis));
  int64_t size = 0;
  if (__builtin_mul_overflow(type->shape[axis].size(), ranks, &size)) {
    return absl::InvalidArgumentError(
        absl::StrCat("ranks: ", ranks, " are too many for ", type->ToString()));
  }
  type->shape[axis] = size;
  return absl::OkStatus();
}

absl::Status Shrink(const OpCall& call, size_t axis, int64_t ranks, TensorType* type) {
  if (ranks == 1) return absl::OkStatus();
  const Size size = type->shape[axis];
  if (size.is_symbol() || size.size() % ranks != 0)
    return InputFault(call, 0, absl::StrCat("of a dim ", axis, " that ", ranks, " ranks divide"));
  type->shape[axis] = size.size() / ranks;
  return absl::OkStatus();
}

TypesOr InferAllGather(const OpCall& call) {
  TensorType type = call.inputs[0];
  STRATA_ASSIGN_OR_RETURN(const int64_t ranks, RanksOf(call));
  STRATA_ASSIGN_OR_RETURN(const size_t axis, DimOf(call, "axis"));
  STRATA_RETURN_IF_ERROR(Grow(call, axis, ranks, &type));
  return std::vector<TensorType>{std::move(type)};
}

TypesOr InferShard(const OpCall& call) {
  TensorType type = call.inputs[0];
  STRATA_ASSIGN_OR_RETURN(const int64_t ranks, RanksOf(call));
  STRATA_ASSIGN_OR_RETURN(const size_t axis, DimOf(call, "axis"));
  STRATA_RETURN_IF_ERROR(Shrink(call, axis, ranks, &type));
  return std::vector<TensorType>{std::move(type)};
}

TypesOr InferReduceScatter(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckReduction(call, /*takes_max=*/false));
  return InferShard(call);
}

TypesOr InferAllToAll(const OpCall& call) {
  TensorType type = call.inputs[0];
  STRATA_ASSIGN_OR_RETURN(const int64_t ranks, RanksOf(call));
  STRATA_ASSIGN_OR_RETURN(const size_t split, DimOf(call, "split"));
  STRATA_ASSIGN_OR_RETURN(const size_t concat, DimOf(call, "concat"));
  STRATA_RETURN_IF_ERROR(Shrink(call, split, ranks, &type));
  STRATA_RETURN_IF_ERROR(Grow(call, concat, ranks, &type));
  return std::vector<TensorType>{std::move(type)};
}

TypesOr InferPermute(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(RanksOf(call).status());
  return std::vector<TensorType>{call.inputs[0]};
}

TypesOr InferRankIndex(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(RanksOf(call).status());
  return std::vector<TensorType>{{chips::I32, {}}};
}

TypesOr InferBroadcast(const OpCall& call) {
  if (call.attrs().Int("root") < 0) return absl::InvalidArgumentError("root: must be >= 0");
  return std::vector<TensorType>{call.inputs[0]};
}

absl::Status OneRank(const OpCall& call, absl::Span<const HostTensor> in,
                     absl::Span<HostTensor> out) {
  if (call.attrs().Int("ranks", 1) != 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("the reference kernel knows one rank, not ", call.attrs().Int("ranks"),
                     "; run the graph on a device with Collectives"));
  }
  if (in.empty()) {  // rank_index
    *out[0].data<int32_t>() = 0;
  } else if (in[0].size_bytes() > 0) {
    std::memcpy(out[0].raw(), in[0].raw(), in[0].size_bytes());
  }
  return absl::OkStatus();
}

// The loss that is differentiated is the sum of the ranks' losses, so each collective's adjoint is
// a collective.
ValuesOr AllReduceGradient(GradientContext& c) {
  if (c.call.attrs().String("reduction") == "max")
    return absl::UnimplementedError("all_reduce of maxima has no gradient");
  return std::vector<ValueId>{
      c.builder.Apply("all_reduce", {c.output_gradients[0]}, GetAttributes(*c.call.node))};
}

ValuesOr AllGatherGradient(GradientContext& c) {
  Attributes attributes = GetAttributes(*c.call.node);
  attributes["reduction"] = Attr("sum");
  return std::vector<ValueId>{
      c.builder.Apply("reduce_scatter", {c.output_gradients[0]}, attributes)};
}

ValuesOr ReduceScatterGradient(GradientContext& c) {
  Attributes attributes = GetAttributes(*c.call.node);
  ValueId dy = c.output_gradients[0];
  if (c.call.attrs().String("reduction") == "mean") {
    const double ranks = static_cast<double>(c.call.attrs().Int("ranks"));
    const ValueId share = c.builder.Constant(1.0 / ranks, c.call.inputs[0].dtype);
    dy = c.builder.Apply("mul", {dy, share});
  }
  attributes.erase("reduction");
  return std::vector<ValueId>{c.builder.Apply("all_gather", {dy}, attributes)};
}

ValuesOr AllToAllGradient(GradientContext& c) {
  Attributes attributes = GetAttributes(*c.call.node);
  std::swap(attributes["split"], attributes["concat"]);
  return std::vector<ValueId>{c.builder.Apply("all_to_all", {c.output_gradients[0]}, attributes)};
}

ValuesOr PermuteGradient(GradientContext& c) {
  Attributes attributes = GetAttributes(*c.call.node);
  attributes["offset"] = Attr(-c.call.attrs().Int("offset"));
  return std::vector<ValueId>{
      c.builder.Apply("collective_permute", {c.output_gradients[0]}, attributes)};
}

OpDef Collective(const char* name, const char* summary, std::vector<AttrSpec> attributes) {
  OpDef def;
  def.name = name;
  def.summary = summary;
  def.op_class = OpClass::kCollective;
  def.min_inputs = def.max_inputs = 1;
  def.attributes = std::move(attributes);
  def.attributes.push_back({"group", AttrKind::kString, /*required=*/false});
  def.reference = OneRank;
  return def;
}

}  // namespace

void RegisterCollectiveOps(OpRegistry& registry) {
  const AttrSpec ranks = {"ranks", AttrKind::kInt}, any_ranks = {"ranks", AttrKind::kInt, false};
  const AttrSpec axis = {"axis", AttrKind::kInt, false},
                 reduction = {"reduction", AttrKind::kString};

  OpDef all_reduce =
      Collective("all_reduce", "x reduced over ranks, on every rank", {any_ranks, reduction});
  all_reduce.infer = InferAllReduce;
  all_reduce.gradient = AllReduceGradient;
  registry.Add(std::move(all_reduce));

  OpDef all_gather =
      Collective("all_gather", "every rank's x, joined in order along `axis` -> [ranks * d0, ...]",
                 {ranks, axis});
  all_gather.infer = InferAllGather;
  all_gather.gradient = AllGatherGradient;
  registry.Add(std::move(all_gather));

  OpDef reduce_scatter =
      Collective("reduce_scatter",
                 "this rank's piece along `axis` of x reduced over ranks -> [d0 / ranks, ...]",
                 {ranks, axis, reduction});
  reduce_scatter.infer = InferReduceScatter;
  reduce_scatter.gradient = ReduceScatterGradient;
  registry.Add(std::move(reduce_scatter));

  OpDef broadcast =
      Collective("broadcast", "the root's x, on every rank", {any_ranks, {"root", AttrKind::kInt}});
  broadcast.infer = InferBroadcast;
  registry.Add(std::move(broadcast));

  OpDef all_to_all = Collective(
      "all_to_all",
      "x cut along `split`, a piece to each rank; those that come, joined along `concat`",
      {ranks, {"split", AttrKind::kInt}, {"concat", AttrKind::kInt}});
  all_to_all.infer = InferAllToAll;
  all_to_all.gradient = AllToAllGradient;
  registry.Add(std::move(all_to_all));

  OpDef permute =
      Collective("collective_permute", "x of the rank `offset` before, around the group",
                 {ranks, {"offset", AttrKind::kInt}});
  permute.infer = InferPermute;
  permute.gradient = PermuteGradient;
  registry.Add(std::move(permute));

  OpDef shard =
      Collective("shard", "this rank's piece of x along `axis`; nothing moves", {ranks, axis});
  shard.infer = InferShard;
  registry.Add(std::move(shard));

  OpDef rank_index = Collective("rank_index", "i32: this rank's place in the group", {ranks});
  rank_index.min_inputs = rank_index.max_inputs = 0;
  rank_index.infer = InferRankIndex;
  registry.Add(std::move(rank_index));
}

}  // namespace strata::graph
