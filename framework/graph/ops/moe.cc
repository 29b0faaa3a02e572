// moe_dispatch: tokens to slots. moe_combine: the weighted sum of a token's slots. Adjoint to each other, with the
// weights' gradient beside them (moe_weight_gradient). Slots are in order: the experts' buffers, `capacity` each; with
// one expert they are any rows. Letters: G groups of tokens, N tokens of a group, k choices of a token, E experts, C
// features, S = E * capacity slots of a group.
#include <algorithm>

#include "framework/graph/builder.h"
#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

// ---- types

// slot [G, N, k], and weights, if there are, of its shape.
absl::Status CheckSlot(const OpCall& call, const TensorType& data) {
  STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[1], "slot", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckRank(call.inputs[1], "slot", "[G, N, k]", 3));
  const Shape& slot = call.inputs[1].shape;
  if (!(slot[0] == data.shape[0])) {
    return absl::InvalidArgumentError(absl::StrCat("slot: is ", call.inputs[1].ToString(),
                                                   "; must have the groups of ", data.ToString()));
  }
  return absl::OkStatus();
}

absl::Status CheckWeights(const OpCall& call) {
  if (call.inputs.size() < 3) return absl::OkStatus();
  STRATA_RETURN_IF_ERROR(
      CheckDType(call.inputs[2], "weights", StatisticsType(call.inputs[0].dtype)));
  return CheckShape(call.inputs[2], "weights", call.inputs[1].shape);
}

absl::Status CheckTokens(const TensorType& x, const char* name, const Shape& slot) {
  STRATA_RETURN_IF_ERROR(CheckFloat(x, name));
  STRATA_RETURN_IF_ERROR(CheckRank(x, name, "[G, N, C]", 3));
  return CheckShape(x, name, {slot[0], slot[1], x.shape[2]});
}

absl::Status CheckExpertRows(const TensorType& y) {
  STRATA_RETURN_IF_ERROR(CheckFloat(y, "y"));
  return CheckRank(y, "y", "[G, E, capacity, C]", 4);
}

absl::StatusOr<std::vector<TensorType>> InferDispatch(const OpCall& call) {
  const TensorType& x = call.inputs[0];
  STRATA_RETURN_IF_ERROR(CheckRank(x, "x", "[G, N, C]", 3));
  STRATA_RETURN_IF_ERROR(CheckSlot(call, x));
  STRATA_RETURN_IF_ERROR(CheckTokens(x, "x", call.inputs[1].shape));
  STRATA_RETURN_IF_ERROR(CheckWeights(call));
  const int64_t experts = call.attrs().Int("experts"), capacity = call.attrs().Int("capacity");
  if (experts < 1 || capacity < 0) {
    return absl::InvalidArgumentError(absl::StrCat("experts: is ", experts, ", capacity: is ",
                                                   capacity, "; must be at least 1 and 0"));
  }
  return std::vector<TensorType>{{x.dtype, {x.shape[0], experts, capacity, x.shape[2]}}};
}

absl::StatusOr<std::vector<TensorType>> InferCombine(const OpCall& call) {
  const TensorType& y = call.inputs[0];
  STRATA_RETURN_IF_ERROR(CheckExpertRows(y));
  STRATA_RETURN_IF_ERROR(CheckSlot(call, y));
  STRATA_RETURN_IF_ERROR(CheckWeights(call));
  const Shape& slot = call.inputs[1].shape;
  return std::vector<TensorType>{{y.dtype, {slot[0], slot[1], y.shape[3]}}};
}

absl::StatusOr<std::vector<TensorType>> InferWeightGradient(const OpCall& call) {
  const TensorType &y = call.inputs[0], &d = call.inputs[2];
  STRATA_RETURN_IF_ERROR(CheckExpertRows(y));
  STRATA_RETURN_IF_ERROR(CheckSlot(call, y));
  STRATA_RETURN_IF_ERROR(CheckDType(d, "d", y.dtype));
  const Shape& slot = call.inputs[1].shape;
  STRATA_RETURN_IF_ERROR(CheckShape(d, "d", {slot[0], slot[1], y.shape[3]}));
  return std::vector<TensorType>{{StatisticsType(y.dtype), slot}};
}

// ---- reference kernels

struct Sizes {
  int64_t G, N, k, S, C;
};

// Calls f(token, choice, row) for each choice that has a slot: tokens and rows are those of all groups.
template <typename F>
absl::Status ForEachSlot(const HostTensor& slot, const Sizes& s, F f) {
  const int32_t* slots = slot.data<int32_t>();
  for (int64_t i = 0; i < s.G * s.N * s.k; ++i) {
    if (slots[i] >= s.S) {
      return absl::OutOfRangeError(absl::StrCat("slot: element ", i, " is ", slots[i],
                                                "; there are slots [0, ", s.S,
                                                "), and a negative one is dropped"));
    }
    if (slots[i] < 0) continue;
    const int64_t group = i / (s.N * s.k);
    f(static_cast<size_t>(i / s.k), static_cast<size_t>(i),
      static_cast<size_t>(group * s.S + slots[i]));
  }
  return absl::OkStatus();
}

Sizes SizesOf(const HostTensor& slot, const std::vector<int64_t>& rows) {
  return {slot.dims()[0], slot.dims()[1], slot.dims()[2], rows[1] * rows[2], rows[3]};
}

std::vector<double> WeightsOf(absl::Span<const HostTensor> inputs) {
  if (inputs.size() > 2) return inputs[2].ToDoubles();
  return std::vector<double>(static_cast<size_t>(inputs[1].elements()), 1.0);
}

absl::Status DispatchReference(const OpCall&, absl::Span<const HostTensor> inputs,
                               absl::Span<HostTensor> outputs) {
  const Sizes s = SizesOf(inputs[1], outputs[0].dims());
  const std::vector<double> x = inputs[0].ToDoubles(), weights = WeightsOf(inputs);
  std::vector<double> y(static_cast<size_t>(outputs[0].elements()), 0.0);
  const size_t C = static_cast<size_t>(s.C);
  STRATA_RETURN_IF_ERROR(ForEachSlot(inputs[1], s, [&](size_t token, size_t choice, size_t row) {
    for (size_t c = 0; c < C; ++c) y[row * C + c] += weights[choice] * x[token * C + c];
  }));
  outputs[0].SetFromDoubles(y);
  return absl::OkStatus();
}

absl::Status CombineReference(const OpCall&, absl::Span<const HostTensor> inputs,
                              absl::Span<HostTensor> outputs) {
  const Sizes s = SizesOf(inputs[1], inputs[0].dims());
  const std::vector<double> y = inputs[0].ToDoubles(), weights = WeightsOf(inputs);
  std::vector<double> out(static_cast<size_t>(outputs[0].elements()), 0.0);
  const size_t C = static_cast<size_t>(s.C);
  STRATA_RETURN_IF_ERROR(ForEachSlot(inputs[1], s, [&](size_t token, size_t choice, size_t row) {
    for (size_t c = 0; c < C; ++c) out[token * C + c] += weights[choice] * y[row * C + c];
  }));
  outputs[0].SetFromDoubles(out);
  return absl::OkStatus();
}

absl::Status WeightGradientReference(const OpCall&, absl::Span<const HostTensor> inputs,
                                     absl::Span<HostTensor> outputs) {
  const Sizes s = SizesOf(inputs[1], inputs[0].dims());
  const std::vector<double> y = inputs[0].ToDoubles(), d = inputs[2].ToDoubles();
  std::vector<double> weights(static_cast<size_t>(outputs[0].elements()), 0.0);
  const size_t C = static_cast<size_t>(s.C);
  STRATA_RETURN_IF_ERROR(ForEachSlot(inputs[1], s, [&](size_t token, size_t choice, size_t row) {
    for (size_t c = 0; c < C; ++c) weights[choice] += y[row * C + c] * d[token * C + c];
  }));
  outputs[0].SetFromDoubles(weights);
  return absl::OkStatus();
}

// ---- gradients: all three are linear in each float operand, and the three are closed under them

ValueId Dispatch(Builder& b, std::vector<ValueId> inputs, const TensorType& rows) {
  return b.Apply(
      "moe_dispatch", std::move(inputs),
      {{"experts", Attr(rows.shape[1].size())}, {"capacity", Attr(rows.shape[2].size())}});
}

std::vector<ValueId> WithWeights(std::vector<ValueId> inputs, const GradientContext& c) {
  if (c.inputs.size() > 2) inputs.push_back(c.inputs[2]);
  return inputs;
}

absl::Status CheckKnownRows(const TensorType& rows) {
  if (!rows.shape[1].is_symbol() && !rows.shape[2].is_symbol()) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("y is ", rows.ToString(), ": a gradient needs known experts and capacity"));
}

absl::StatusOr<std::vector<ValueId>> DispatchGradient(GradientContext& c) {
  const ValueId dy = c.output_gradients[0];
  std::vector<ValueId> gradients(c.inputs.size(), kNoValue);
  if (c.needs[0]) gradients[0] = c.builder.Apply("moe_combine", WithWeights({dy, c.inputs[1]}, c));
  if (c.inputs.size() > 2 && c.needs[2])
    gradients[2] = c.builder.Apply("moe_weight_gradient", {dy, c.inputs[1], c.inputs[0]});
  return gradients;
}

absl::StatusOr<std::vector<ValueId>> CombineGradient(GradientContext& c) {
  const ValueId dout = c.output_gradients[0];
  STRATA_RETURN_IF_ERROR(CheckKnownRows(c.call.inputs[0]));
  std::vector<ValueId> gradients(c.inputs.size(), kNoValue);
  if (c.needs[0])
    gradients[0] = Dispatch(c.builder, WithWeights({dout, c.inputs[1]}, c), c.call.inputs[0]);
  if (c.inputs.size() > 2 && c.needs[2])
    gradients[2] = c.builder.Apply("moe_weight_gradient", {c.inputs[0], c.inputs[1], dout});
  return gradients;
}

absl::StatusOr<std::vector<ValueId>> WeightGradientGradient(GradientContext& c) {
  const ValueId u = c.output_gradients[0];
  STRATA_RETURN_IF_ERROR(CheckKnownRows(c.call.inputs[0]));
  std::vector<ValueId> gradients(3, kNoValue);
  if (c.needs[0])
    gradients[0] = Dispatch(c.builder, {c.inputs[2], c.inputs[1], u}, c.call.inputs[0]);
  if (c.needs[2]) gradients[2] = c.builder.Apply("moe_combine", {c.inputs[0], c.inputs[1], u});
  return gradients;
}

// ---- work, when no choice is dropped

double Bytes(const TensorType& type) { return static_cast<double>(type.size_bytes()); }

double ChosenElements(const OpCall& call, const TensorType& rows) {
  return static_cast<double>(call.inputs[1].elements()) *
         static_cast<double>(rows.shape.back().size());
}

// An addition a feature of a choice, and a multiplication where it is weighted.
double Flops(const OpCall& call, const TensorType& rows) {
  return (call.inputs.size() > 2 ? 2 : 1) * ChosenElements(call, rows);
}

// Rows that no token names are not read.
Work WorkOfRows(const OpCall& call, double flops) {
  const TensorType& y = call.inputs[0];
  const double rows = Bytes(y),
               chosen = ChosenElements(call, y) * static_cast<double>(chips::SizeOf(y.dtype));
  double read = std::min(rows, chosen);
  for (size_t i = 1; i < call.inputs.size(); ++i) read += Bytes(call.inputs[i]);
  return {flops, read, Bytes(call.outputs[0])};
}

}  // namespace

void RegisterMoeOps(OpRegistry& registry) {
  OpDef dispatch;
  dispatch.name = "moe_dispatch";
  dispatch.summary =
      "x [G, N, C], slot [G, N, k] i32, optional weights [G, N, k] -> [G, experts, capacity, C]: "
      "each slot the (weighted) sum of the tokens that name it; a negative slot is dropped";
  dispatch.min_inputs = 2;
  dispatch.max_inputs = 3;
  dispatch.attributes = {{"experts", AttrKind::kInt}, {"capacity", AttrKind::kInt}};
  dispatch.infer = InferDispatch;
  dispatch.reference = DispatchReference;
  dispatch.gradient = DispatchGradient;
  dispatch.flops = [](const OpCall& call) { return Flops(call, call.inputs[0]); };
  registry.Add(std::move(dispatch));

  OpDef combine;
  combine.name = "moe_combine";
  combine.summary =
      "y [G, E, capacity, C], slot [G, N, k] i32, optional weights [G, N, k] -> [G, N, C]: each "
      "token the (weighted) sum of its slots; a negative slot adds nothing";
  combine.min_inputs = 2;
  combine.max_inputs = 3;
  combine.infer = InferCombine;
  combine.reference = CombineReference;
  combine.gradient = CombineGradient;
  combine.work = [](const OpCall& call) { return WorkOfRows(call, Flops(call, call.inputs[0])); };
  registry.Add(std::move(combine));

  OpDef gradient;
  gradient.name = "moe_weight_gradient";
  gradient.summary =
      "y [G, E, capacity, C], slot [G, N, k] i32, d [G, N, C] -> [G, N, k]: the product of each "
      "choice's slot with its token's d; 0 for a negative slot";
  gradient.min_inputs = gradient.max_inputs = 3;
  gradient.infer = InferWeightGradient;
  gradient.reference = WeightGradientReference;
  gradient.gradient = WeightGradientGradient;
  gradient.work = [](const OpCall& call) {
    return WorkOfRows(call, 2 * ChosenElements(call, call.inputs[0]));
  };
  registry.Add(std::move(gradient));
}

}  // namespace strata::graph
