#include "framework/nn/moe_router.h"

#include "absl/strings/str_cat.h"

namespace strata::framework {
namespace {

using graph::Attr;
using graph::Shape;

absl::Status Check(const RouterOptions& o) {
  if (o.width >= 1 && o.per_token >= 1 && o.per_token <= o.experts) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(o.name, ": chooses ", o.per_token, " of ", o.experts, " experts from ", o.width,
                   " features; all must be at least 1, and the first at most the second"));
}

// Routing is done in f32 at least: near ties decide.
Tensor Wide(const Tensor& x) {
  const bool half = x.dtype() == chips::BF16 || x.dtype() == chips::F16;
  return half ? Cast(x, chips::F32) : x;
}

struct Best {
  Tensor values, ids;
};

Best TopK(const Tensor& x, int64_t k) {
  std::vector<Tensor> both = ApplyMulti("top_k", {x}, {{"k", Attr(k)}});
  both.resize(2);  // after an error there are none
  return {both[0], both[1]};
}

// [..., n] of ids [...]: 1 where the id is the last index.
Tensor OneHot(const Tensor& ids, int64_t n, graph::DType dtype) {
  Shape column = ids.shape();
  column.push_back(1);
  const Tensor numbers(
      *ids.builder(),
      ids.builder()->Apply(
          "iota", {}, {{"dtype", Attr(chips::I32)}, {"dims", Attr(Shape{n})}, {"axis", Attr(0)}}));
  return Cast(Equal(Reshape(ids, column), numbers), dtype);
}

// x [..., E] at ids [..., k].
Tensor Pick(const Tensor& x, const Tensor& ids, int64_t experts) {
  if (!ids.valid()) return ids;  // after an error
  Shape row = x.shape();
  row.insert(row.end() - 1, 1);
  return Sum(OneHot(ids, experts, x.dtype()) * Reshape(x, row), {-1});
}

}  // namespace

Router::Router(ParameterSet& parameters, const RouterOptions& o) : options(o) {
  const absl::Status status = Check(o);
  if (!status.ok()) parameters.builder().Fail(status);
  weight = parameters.Create(JoinName(o.name, "weight"), {o.width, o.experts}, o.init);
  if (!o.balance_bias) return;
  const graph::DType dtype = parameters.dtype() == chips::F64 ? chips::F64 : chips::F32;
  balance =
      Input(parameters.builder(), JoinName(o.name, "balance"), {dtype, {o.experts}}, graph::STATE);
}

Routing Router::Forward(const Tensor& x, const Location& location) const {
  ModuleScope scope(*weight.builder(), options.name, location);
  Routing routing;
  routing.logits = MatMul(Wide(x), Wide(weight));
  routing.scores =
      options.scores == RouterScores::kSoftmax ? Softmax(routing.logits) : Sigmoid(routing.logits);
  if (!routing.scores.valid()) return routing;  // after an error
  const Best best =
      TopK(options.balance_bias ? routing.scores + balance : routing.scores, options.per_token);
  routing.ids = best.ids;
  routing.weights =
      options.balance_bias ? Pick(routing.scores, best.ids, options.experts) : best.values;
  if (options.renormalize)
    routing.weights = routing.weights / Sum(routing.weights, {-1}, /*keep_dims=*/true);
  if (options.scale != 1) routing.weights = routing.weights * options.scale;
  return routing;
}

ExpertChoice Router::Choose(const Tensor& x, int64_t capacity, const Location& location) const {
  ModuleScope scope(*weight.builder(), options.name, location);
  ExpertChoice choice;
  choice.logits = MatMul(Wide(x), Wide(weight));
  const Best best = TopK(Transpose(Softmax(choice.logits), {0, 2, 1}), capacity);
  choice.tokens = best.ids;
  choice.weights = options.scale == 1 ? best.values : best.values * options.scale;
  return choice;
}

Tensor ExpertLoad(const Tensor& ids, int64_t experts) {
  if (!ids.valid()) return ids;  // after an error
  return Sum(OneHot(ids, experts, chips::F32), {1, 2});
}

Tensor LoadBalanceLoss(const Tensor& scores, const Tensor& load, bool per_group) {
  if (!scores.valid() || !load.valid()) return scores;  // after an error
  const int64_t E = scores.dim(-1).size();
  const Tensor counts = Cast(load, scores.dtype());
  // Sums of scores rather than means: a token's scores are divided by their sum, which for a softmax is 1.
  const Tensor shares = scores / Sum(scores, {-1}, /*keep_dims=*/true);
  const std::vector<int64_t> tokens =
      per_group ? std::vector<int64_t>{1} : std::vector<int64_t>{0, 1};
  const Tensor mean_score = Mean(shares, tokens);               // [G, E] or [E]
  const Tensor chosen = per_group ? counts : Sum(counts, {0});  // the same
  const Tensor share = chosen / Sum(chosen, {-1}, /*keep_dims=*/true);
  return Mean(Sum(share * mean_score, {-1})) * static_cast<double>(E);
}

Tensor RouterZLoss(const Tensor& logits) {
  if (!logits.valid()) return logits;  // after an error
  const Tensor top = ReduceMax(logits, {-1}, /*keep_dims=*/true);
  const Tensor lse = Log(Sum(Exp(logits - top), {-1}, /*keep_dims=*/true)) + top;
  return Mean(Square(lse));
}

Tensor BalancedBias(const Tensor& bias, const Tensor& load, double rate) {
  if (!bias.valid() || !load.valid()) return bias;  // after an error
  const Tensor all = Cast(Sum(load, {0}), bias.dtype());
  const Tensor mean = Mean(all, {0}, /*keep_dims=*/true);
  const Tensor sign = Cast(Less(all, mean), bias.dtype()) - Cast(Less(mean, all), bias.dtype());
  return bias + sign * rate;
}

}  // namespace strata::framework
