#include "distributed/partition/resharder.h"

#include <utility>
#include <vector>

namespace strata::distributed {

using graph::Attr;
using graph::ValueId;

ValueId Resharder::Collective(const std::string& op, ValueId x, const AxisList& axes,
                              graph::Attributes attributes) {
  attributes["group"] = Attr(mesh_.Group(axes));
  attributes["ranks"] = Attr(mesh_.Size(axes));
  return builder_.Apply(op, {x}, attributes);
}

ValueId Resharder::AllReduce(ValueId x, const AxisList& axes, const std::string& reduction) {
  return Collective("all_reduce", x, axes, {{"reduction", Attr(reduction)}});
}

ValueId Resharder::RankIndex(const AxisList& axes) {
  return builder_.Apply("rank_index", {},
                        {{"group", Attr(mesh_.Group(axes))}, {"ranks", Attr(mesh_.Size(axes))}});
}

ValueId Resharder::Slice(ValueId x, size_t dim, int64_t start, int64_t limit) {
  return builder_.Apply(
      "slice", {x},
      {{"axis", Attr(static_cast<int64_t>(dim))}, {"start", Attr(start)}, {"limit", Attr(limit)}});
}

ValueId Resharder::Concat(const std::vector<ValueId>& pieces, size_t dim) {
  return builder_.Apply("concat", pieces, {{"axis", Attr(static_cast<int64_t>(dim))}});
}

// Piece r is chunks r and 2 n - 1 - r of 2 n.
ValueId Resharder::Zigzag(ValueId x, size_t dim, int64_t ranks, bool to_pieces) {
  const int64_t chunk = builder_.type(x).shape[dim].size() / (2 * ranks);
  std::vector<int64_t> order;  // of the chunks, piece by piece
  for (int64_t r = 0; r < ranks; ++r) {
    order.push_back(r);
    order.push_back(2 * ranks - 1 - r);
  }
  std::vector<int64_t> from(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    if (to_pieces)
      from[i] = order[i];
    else
      from[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  }
  std::vector<ValueId> chunks;
  for (int64_t i : from) chunks.push_back(Slice(x, dim, i * chunk, (i + 1) * chunk));
  return Concat(chunks, dim);
}

ValueId Resharder::Step(ValueId x, const ReshardStep& step) {
  using Kind = ReshardStep::Kind;
  const auto axis = Attr(static_cast<int64_t>(step.dim));
  const bool zigzag = mesh_.AnyZigzag(step.axes);
  const int64_t ranks = mesh_.Size(step.axes);
  const auto to_pieces = [&](size_t dim) { return zigzag ? Zigzag(x, dim, ranks, true) : x; };
  const auto from_pieces = [&](ValueId y) {
    return zigzag ? Zigzag(y, step.dim, ranks, false) : y;
  };
  switch (step.kind) {
    case Kind::kShard:
      return Collective("shard", to_pieces(step.dim), step.axes, {{"axis", axis}});
    case Kind::kReduceScatter:
      return Collective("reduce_scatter", to_pieces(step.dim), step.axes,
                        {{"axis", axis}, {"reduction", Attr("sum")}});
    case Kind::kAllReduce:
      return AllReduce(x, step.axes);
    case Kind::kAllGather:
      return from_pieces(Collective("all_gather", x, step.axes, {{"axis", axis}}));
    case Kind::kAllToAll:
      return from_pieces(
          Collective("all_to_all", to_pieces(step.cut_dim), step.axes,
                     {{"split", Attr(static_cast<int64_t>(step.cut_dim))}, {"concat", axis}}));
  }
  return graph::kNoValue;
}

}  // namespace strata::distributed
