// Collectives, as one rank sees them. The reference kernels know one rank only; a device with
// `Collectives` runs more.
#include <cstring>

#include "framework/graph/ops/families.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

absl::StatusOr<int64_t> RanksOf(const OpCall& call) {
  const int64_t ranks = call.attrs().Int("ranks");
  if (ranks >= 1) return ranks;
  return absl::InvalidArgumentError(absl::StrCat("ranks: is ", ranks, "; must be >= 1"));
}

absl::Status CheckReduction(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckNumber(call, 0));
  const std::string reduction = call.attrs().String("reduction");
  if (reduction == "sum" || reduction == "mean") return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("reduction: is '", reduction, "'; must be 'sum' or 'mean'"));
}

TypesOr InferAllReduce(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckReduction(call));
  return std::vector<TensorType>{call.inputs[0]};
}

TypesOr InferAllGather(const OpCall& call) {
  TensorType type = call.inputs[0];
  STRATA_ASSIGN_OR_RETURN(const int64_t ranks, RanksOf(call));
  if (type.rank() == 0) return InputFault(call, 0, "of rank 1 or more");
  if (ranks == 1) return std::vector<TensorType>{std::move(type)};
  if (type.shape[0].is_symbol()) return InputFault(call, 0, "of a known size along dim 0");
  int64_t rows = 0;
  if (__builtin_mul_overflow(type.shape[0].size(), ranks, &rows)) {
    return absl::InvalidArgumentError(
        absl::StrCat("ranks: ", ranks, " are too many for ", type.ToString()));
  }
  type.shape[0] = rows;
  return std::vector<TensorType>{std::move(type)};
}

TypesOr InferReduceScatter(const OpCall& call) {
  TensorType type = call.inputs[0];
  STRATA_RETURN_IF_ERROR(CheckReduction(call));
  STRATA_ASSIGN_OR_RETURN(const int64_t ranks, RanksOf(call));
  if (type.rank() == 0) return InputFault(call, 0, "of rank 1 or more");
  if (ranks == 1) return std::vector<TensorType>{std::move(type)};
  if (type.shape[0].is_symbol() || type.shape[0].size() % ranks != 0) {
    return InputFault(call, 0, absl::StrCat("of a dim 0 that ", ranks, " ranks divide"));
  }
  type.shape[0] = type.shape[0].size() / ranks;
  return std::vector<TensorType>{std::move(type)};
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
  if (in[0].size_bytes() > 0) std::memcpy(out[0].raw(), in[0].raw(), in[0].size_bytes());
  return absl::OkStatus();
}

// The loss that is differentiated is the sum of the ranks' losses, so each collective's adjoint is
// a collective.
ValuesOr AllReduceGradient(GradientContext& c) {
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
  const int64_t ranks = c.call.attrs().Int("ranks");
  ValueId dy = c.output_gradients[0];
  if (c.call.attrs().String("reduction") == "mean") {
    const ValueId share =
        c.builder.Constant(1.0 / static_cast<double>(ranks), c.call.inputs[0].dtype);
    dy = c.builder.Apply("mul", {dy, share});
  }
  return std::vector<ValueId>{c.builder.Apply("all_gather", {dy}, {{"ranks", Attr(ranks)}})};
}

OpDef Collective(const char* name, const char* summary) {
  OpDef def;
  def.name = name;
  def.summary = summary;
  def.op_class = OpClass::kCollective;
  def.min_inputs = def.max_inputs = 1;
  def.reference = OneRank;
  return def;
}

}  // namespace

void RegisterCollectiveOps(OpRegistry& registry) {
  OpDef all_reduce = Collective("all_reduce", "x reduced over ranks, on every rank");
  all_reduce.attributes = {{"reduction", AttrKind::kString}};
  all_reduce.infer = InferAllReduce;
  all_reduce.gradient = AllReduceGradient;
  registry.Add(std::move(all_reduce));

  OpDef all_gather =
      Collective("all_gather", "every rank's x [d0, ...] in order -> [ranks * d0, ...]");
  all_gather.attributes = {{"ranks", AttrKind::kInt}};
  all_gather.infer = InferAllGather;
  all_gather.gradient = AllGatherGradient;
  registry.Add(std::move(all_gather));

  OpDef reduce_scatter = Collective(
      "reduce_scatter", "this rank's piece of x reduced over ranks -> [d0 / ranks, ...]");
  reduce_scatter.attributes = {{"ranks", AttrKind::kInt}, {"reduction", AttrKind::kString}};
  reduce_scatter.infer = InferReduceScatter;
  reduce_scatter.gradient = ReduceScatterGradient;
  registry.Add(std::move(reduce_scatter));

  OpDef broadcast = Collective("broadcast", "the root's x, on every rank");
  broadcast.attributes = {{"root", AttrKind::kInt}};
  broadcast.infer = InferBroadcast;
  registry.Add(std::move(broadcast));
}

}  // namespace strata::graph
