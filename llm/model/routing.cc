#include "llm/model/routing.h"

namespace strata::llm {
namespace {

using framework::ApplyMulti;
using framework::Cast;
using framework::Reshape;
using framework::Sum;
using graph::Attr;
using graph::Shape;

struct Best {
  Tensor values, ids;
};

Best TopK(const Tensor& x, int64_t k) {
  const std::vector<Tensor> both = ApplyMulti("top_k", {x}, {{"k", Attr(k)}});
  return {both[0], both[1]};
}

// [R, k, n]: 1 where ids[r, j] is the last index.
Tensor OneHot(const Tensor& ids, int64_t n) {
  const graph::Size R = ids.dim(0), k = ids.dim(1);
  const Tensor numbers(*ids.builder(), ids.builder()->Apply("iota", {},
                                                            {{"dtype", Attr(chips::I32)},
                                                             {"dims", Attr(Shape{1, 1, n})},
                                                             {"axis", Attr(2)}}));
  return Cast(framework::Equal(Reshape(ids, {R, k, 1}), numbers), chips::F32);
}

// `choice` with the experts outside a token's best groups far below all others.
Tensor LimitToGroups(const Experts& e, const Tensor& choice) {
  const graph::Size R = choice.dim(0);
  const int64_t G = e.groups(), size = e.count() / G;
  const Tensor grouped = Reshape(choice, {R, G, size});
  const Tensor score = Sum(TopK(grouped, e.group_score_top()).values, {-1});
  const Tensor groups = TopK(score, e.groups_per_token()).ids;
  const Tensor taken = Reshape(Sum(OneHot(groups, G), {1}), {R, G, 1});
  return Reshape(grouped * taken + (taken - 1) * 1e30, {R, e.count()});
}

}  // namespace

Route ChooseExperts(const Experts& experts, const Tensor& scores, const Tensor& choice) {
  const bool limited = experts.groups_per_token() < experts.groups();
  const Tensor ranked = limited ? LimitToGroups(experts, choice) : choice;
  const Best best = TopK(ranked, experts.per_token());
  Tensor weights = best.values;
  if (ranked.id() != scores.id()) {
    const Tensor row = Reshape(scores, {scores.dim(0), 1, experts.count()});
    weights = Sum(OneHot(best.ids, experts.count()) * row, {-1});
  }
  return {best.ids, FinishWeights(experts, weights)};
}

}  // namespace strata::llm
