// Resharding: from one way a value lies over the mesh to another, as steps that are one collective each.
//
//   PlanReshard({{dp}, {}} pending {tp}, {{dp, tp}, {}})  ->  reduce_scatter over tp along dim 0
//
// Cuts come first (they move nothing and make what follows smaller), then sums, then moves from dim to dim
// (all_to_all), gathers last.
#ifndef STRATA_DISTRIBUTED_PARTITION_RESHARD_H_
#define STRATA_DISTRIBUTED_PARTITION_RESHARD_H_

#include <vector>

#include "distributed/partition/sharding.h"

namespace strata::distributed {

struct ReshardStep {
  enum class Kind { kShard, kReduceScatter, kAllReduce, kAllToAll, kAllGather };
  Kind kind = Kind::kShard;
  AxisList axes;       // the group
  size_t dim = 0;      // that is cut (kShard, kReduceScatter), joined (kAllGather, kAllToAll)
  size_t cut_dim = 0;  // kAllToAll: the dim that is cut instead
  Sharding result;     // how the value lies after the step
};

// `to.pending` must be part of `from.pending`. No steps when they are the same.
std::vector<ReshardStep> PlanReshard(const Sharding& from, const Sharding& to, const Mesh& mesh);

// Whether the step cuts or joins a dim that is a symbol.
bool AlongSymbol(const graph::TensorType& global, const ReshardStep& step);

// Bytes that each rank sends in the steps, by ring algorithms. Symbols count as `kSymbolSize`; a step along one cannot be
// made and costs `kImpossible`.
inline constexpr double kImpossible = 1e30;
inline constexpr int64_t kSymbolSize = 64;
double ReshardBytes(const graph::TensorType& global, const Sharding& from, const Sharding& to,
                    const Mesh& mesh);
// Of a rank's piece.
double LocalBytes(const graph::TensorType& global, const Sharding& sharding, const Mesh& mesh);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_RESHARD_H_
