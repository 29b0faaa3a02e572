#include "llm/model/plain_experts.h"

namespace strata::llm {
namespace {

using framework::BroadcastTo;
using framework::Cast;
using framework::MatMul;
using framework::Reshape;
using framework::Sum;
using graph::Attr;
using graph::Shape;

Tensor Counting(graph::Builder& builder, int64_t n, int64_t axis) {
  return Tensor(builder, builder.Apply("iota", {},
                                       {{"dtype", Attr(chips::F32)},
                                        {"dims", Attr(Shape{n, n})},
                                        {"axis", Attr(axis)}}));
}

// 1 for the k best of the last axis, 0 for the others; equal ones are taken in order. An element's rank is the number of
// those that go before it.
Tensor BestMask(const Tensor& x, int64_t k) {
  if (!x.valid()) return x;  // after an error
  graph::Builder& builder = *x.builder();
  Shape row = x.shape(), column = x.shape();
  const int64_t n = x.dim(-1).size();
  row.insert(row.end() - 1, 1);
  column.push_back(1);
  const Tensor mine = Reshape(x, column), others = Reshape(x, row);
  const Tensor earlier =
      Cast(framework::Less(Counting(builder, n, 1), Counting(builder, n, 0)), chips::F32);
  const Tensor better = Cast(framework::Less(mine, others), chips::F32);
  const Tensor as_good = Cast(framework::LessEqual(mine, others), chips::F32);
  const Tensor before = as_good * earlier + better * (1 - earlier);
  const Tensor rank = Sum(before, {-1});
  const Tensor limit = framework::Constant(builder, static_cast<double>(k) - 0.5, chips::F32);
  return Cast(framework::Less(rank, limit), chips::F32);
}

// `choice` with the experts outside a token's best groups far below all others.
Tensor LimitToGroups(const Experts& e, const Tensor& choice) {
  const graph::Size B = choice.dim(0), T = choice.dim(1);
  const int64_t G = e.groups(), size = e.count() / G;
  const Tensor grouped = Reshape(choice, {B, T, G, size});
  const Tensor score = Sum(grouped * BestMask(grouped, e.group_score_top()), {-1});
  const Tensor taken = Reshape(BestMask(score, e.groups_per_token()), {B, T, G, 1});
  return Reshape(grouped * taken + (taken - 1) * 1e30, {B, T, e.count()});
}

}  // namespace

Tensor ExpertWeights(const Experts& experts, const Tensor& scores, const Tensor& choice) {
  const bool limited = experts.groups_per_token() < experts.groups();
  const Tensor ranked = limited ? LimitToGroups(experts, choice) : choice;
  return FinishWeights(experts, scores * BestMask(ranked, experts.per_token()));
}

Tensor MixAllExperts(Activation activation, const Tensor& x, const Tensor& weights,
                     const Tensor& gate, const Tensor& up, const Tensor& down) {
  const graph::Size B = x.dim(0), T = x.dim(1), C = x.dim(2), E = gate.dim(0), F = gate.dim(1);
  const Tensor all = BroadcastTo(Reshape(x, {B, 1, T, C}), {B, E, T, C});
  const Tensor hidden =
      Activate(activation, MatMul(all, BroadcastTo(gate, {B, E, F, C}), false, true)) *
      MatMul(all, BroadcastTo(up, {B, E, F, C}), false, true);
  const Tensor y = MatMul(hidden, BroadcastTo(down, {B, E, C, F}), false, true);  // [B, E, T, C]
  const Tensor weight = Reshape(framework::Transpose(weights, {0, 2, 1}), {B, E, T, 1});
  return Sum(y * weight, {1});
}

}  // namespace strata::llm
