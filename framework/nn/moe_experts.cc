#include "framework/nn/moe_experts.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace strata::framework {
namespace {

using graph::Attr;
using graph::Attributes;
using graph::Shape;
using graph::Size;

Attributes Slots(int64_t experts, int64_t capacity) {
  return {{"experts", Attr(experts)}, {"capacity", Attr(capacity)}};
}

// Of x [..., E, M, C], a batch of matrices; the weights have its leading dims.
Tensor ExpertMlps(const ExpertWeights& w, const Tensor& x) {
  return MatMul(Silu(MatMul(x, w.gate)) * MatMul(x, w.up), w.down);
}

// [G, E, ...] of weights [E, ...].
ExpertWeights ForEveryGroup(const ExpertWeights& w, const Size& G) {
  const auto stretch = [&](const Tensor& weight) {
    return BroadcastTo(weight, {G, weight.dim(0), weight.dim(1), weight.dim(2)});
  };
  return {stretch(w.gate), stretch(w.up), stretch(w.down)};
}

// Of rows [G, E, capacity, C]: an expert's rows of all groups are one matrix. While the number of groups is not known,
// that matrix has no shape, and every group has its own product.
Tensor BufferedExperts(const ExpertWeights& w, const Tensor& rows) {
  if (!rows.valid()) return rows;  // after an error
  const Size G = rows.dim(0), E = rows.dim(1), capacity = rows.dim(2), C = rows.dim(3);
  if (G.is_symbol()) return ExpertMlps(ForEveryGroup(w, G), rows);
  const Tensor by_expert =
      Reshape(Transpose(rows, {1, 0, 2, 3}), {E, G.size() * capacity.size(), C});
  return Transpose(Reshape(ExpertMlps(w, by_expert), {E, G, capacity, C}), {1, 0, 2, 3});
}

Tensor Grouped(const Tensor& x, const Tensor& offsets, const Tensor& w) {
  return Apply("grouped_matmul", {x, offsets, w}, {{"transpose_b", Attr(false)}});
}

}  // namespace

int64_t ExpertCapacity(int64_t tokens, int64_t per_token, int64_t experts, double factor) {
  if (!(factor > 0)) return std::max<int64_t>(1, tokens);  // NaN too
  const double share = factor * static_cast<double>(tokens) * static_cast<double>(per_token) /
                       static_cast<double>(experts);
  const double least = std::min(std::ceil(share), static_cast<double>(tokens));
  return std::max<int64_t>(1, static_cast<int64_t>(least));
}

Tensor DenseExperts(const ExpertWeights& w, const Tensor& x, const Tensor& weights) {
  if (!x.valid() || !weights.valid()) return x;  // after an error
  const int64_t E = w.experts();
  const Size G = x.dim(0), N = x.dim(1), C = x.dim(2);
  const Tensor all = BroadcastTo(Reshape(x, {G, 1, N, C}), {G, E, N, C});
  const Tensor y = ExpertMlps(ForEveryGroup(w, G), all);  // [G, E, N, C]
  const Tensor weight = Reshape(Transpose(weights, {0, 2, 1}), {G, E, N, 1});
  return Sum(y * Cast(weight, y.dtype()), {1});
}

Tensor DenseWeights(const Tensor& ids, const Tensor& weights, int64_t experts, const Tensor& slot) {
  if (!ids.valid() || !weights.valid()) return ids;  // after an error
  graph::Builder& b = *ids.builder();
  const graph::DType dtype = weights.dtype();
  const Size G = ids.dim(0), N = ids.dim(1), k = ids.dim(2);
  const Tensor numbers(
      b, b.Apply("iota", {},
                 {{"dtype", Attr(chips::I32)}, {"dims", Attr(Shape{experts})}, {"axis", Attr(0)}}));
  const Tensor here = Cast(Equal(Reshape(ids, {G, N, k, 1}), numbers), dtype);
  Tensor kept = weights;
  if (slot.valid()) {
    const Tensor zero(
        b, b.Apply("constant", {},
                   {{"value", Attr(0.0)}, {"dtype", Attr(chips::I32)}, {"dims", Attr(Shape{})}}));
    kept = kept * Cast(LessEqual(zero, slot), dtype);
  }
  return Sum(here * Reshape(kept, {G, N, k, 1}), {2});
}

Tensor CapacitySlots(const Tensor& ids, int64_t experts, int64_t capacity) {
  return Apply("moe_slots", {ids}, Slots(experts, capacity));
}

Tensor CapacityExperts(const ExpertWeights& w, const Tensor& x, const Tensor& slot,
                       const Tensor& weights, int64_t capacity) {
  const Tensor rows = Apply("moe_dispatch", {x, slot}, Slots(w.experts(), capacity));
  return Apply("moe_combine", {BufferedExperts(w, rows), slot, weights});
}

Tensor GroupedExperts(const ExpertWeights& w, const Tensor& x, const Tensor& ids,
                      const Tensor& weights) {
  std::vector<Tensor> sorted = ApplyMulti("moe_sort", {ids}, {{"experts", Attr(w.experts())}});
  sorted.resize(2);  // after an error there are none
  const Tensor slot = sorted[0], offsets = sorted[1];
  if (!x.valid() || !slot.valid()) return x;  // after an error
  const Size G = x.dim(0), C = x.dim(2);
  if (ids.dim(1).is_symbol()) {
    ids.builder()->Fail(absl::InvalidArgumentError(
        absl::StrCat("experts: the choices are ", ids.type().ToString(),
                     "; the tokens of a group must be known to sort them")));
    return Tensor();
  }
  const int64_t R = ids.dim(1).size() * ids.dim(2).size();
  const Tensor rows = Reshape(Apply("moe_dispatch", {x, slot}, Slots(1, R)), {G, R, C});
  const Tensor hidden = Silu(Grouped(rows, offsets, w.gate)) * Grouped(rows, offsets, w.up);
  const Tensor y = Reshape(Grouped(hidden, offsets, w.down), {G, 1, R, C});
  return Apply("moe_combine", {y, slot, weights});
}

// The other way round: a place names its token, so combine gathers and dispatch takes the sums back.
Tensor ChosenTokensExperts(const ExpertWeights& w, const Tensor& x, const Tensor& tokens,
                           const Tensor& weights) {
  if (!x.valid() || !tokens.valid()) return x;  // after an error
  const Size G = x.dim(0), N = x.dim(1), C = x.dim(2);
  const int64_t E = w.experts(), capacity = tokens.dim(2).size();
  const Shape places = {G, E * capacity, 1};
  const Tensor slot = Reshape(tokens, places);
  const Tensor rows = Apply("moe_combine", {Reshape(x, {G, 1, N, C}), slot});
  const Tensor y = BufferedExperts(w, Reshape(rows, {G, E, capacity, C}));
  if (!y.valid() || N.is_symbol()) return Tensor();
  const Tensor sums =
      Apply("moe_dispatch", {Reshape(y, {G, E * capacity, C}), slot, Reshape(weights, places)},
            Slots(1, N.size()));
  return Reshape(sums, {G, N, C});
}

}  // namespace strata::framework
