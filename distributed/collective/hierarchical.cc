#include "distributed/collective/hierarchical.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "distributed/collective/binomial.h"
#include "distributed/collective/blocks.h"
#include "distributed/collective/factors.h"
#include "distributed/collective/halving_doubling.h"
#include "distributed/collective/pairwise.h"
#include "distributed/collective/powers.h"
#include "distributed/collective/ring.h"

namespace strata::distributed {
namespace {

int NodeSize(int ranks, const Tuning& tuning) {
  return tuning.ranks_per_node > 0 ? tuning.ranks_per_node : LargestDivisor(ranks, 2);
}

bool InWholeNodes(int ranks, const Tuning& tuning) {
  const int g = NodeSize(ranks, tuning);
  return g > 1 && g < ranks && ranks % g == 0;
}

// This rank's node, and the ranks that have the same place in the other nodes.
struct Levels {
  explicit Levels(const Wire& wire)
      : g(NodeSize(wire.size(), wire.tuning())),
        nodes(wire.size() / g),
        place(wire.rank() % g),
        node(wire.rank() / g),
        inside(Members(wire, node * g, 1, g, place)),
        across(Members(wire, place, g, nodes, node)) {}

  static Wire Members(const Wire& wire, int first, int distance, int count, int index) {
    std::vector<int> ranks;
    for (int k = 0; k < count; ++k) ranks.push_back(first + k * distance);
    return wire.Among(ranks, index);
  }

  int g, nodes;
  int place, node;
  Wire inside, across;
};

absl::Status AllReduce(Wire& wire, const Call& call) {
  Levels levels(wire);
  const int64_t size = call.element_bytes();
  const int64_t block = wire.tuning().block_bytes / size * levels.g;
  return ForEachBlock(call.count, block, [&](int64_t at, int64_t count) -> absl::Status {
    const Segments parts(call.output + at * size, count, size, levels.g);
    STRATA_RETURN_IF_ERROR(RingReduceScatter(levels.inside, parts));
    STRATA_RETURN_IF_ERROR(HalvingDoublingAllReduce(levels.across, parts[levels.place], size));
    return RingAllGather(levels.inside, parts);
  });
}

// out[column][row] = in[row][column], of blocks.
void Transpose(const char* in, char* out, int rows, int columns, int64_t block_bytes) {
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      Wire::Copy(out + (column * rows + row) * block_bytes,
                 View(in + (row * columns + column) * block_bytes, block_bytes));
    }
  }
}

// Blocks lie by place first, then by node, so that what one step moves is in one piece.
absl::Status ReduceScatter(Wire& wire, const Call& call) {
  Levels levels(wire);
  const int64_t b = call.bytes(), row = b * levels.nodes;
  char* by_place = wire.Memory(Workspace::kStaging, b * wire.size());
  Transpose(call.input, by_place, levels.nodes, levels.g, b);
  STRATA_RETURN_IF_ERROR(
      RingReduceScatter(levels.inside, Segments::Strided(by_place, row, row, levels.g)));
  char* mine = by_place + levels.place * row;
  STRATA_RETURN_IF_ERROR(
      RingReduceScatter(levels.across, Segments::Strided(mine, b, b, levels.nodes)));
  Wire::Copy(call.output, View(mine + levels.node * b, b));
  wire.Finish({call.output, b});
  return absl::OkStatus();
}

absl::Status AllGather(Wire& wire, const Call& call) {
  Levels levels(wire);
  const int64_t b = call.bytes(), row = b * levels.nodes;
  char* by_place = wire.Memory(Workspace::kStaging, b * wire.size());
  char* mine = by_place + levels.place * row;
  Wire::Copy(mine + levels.node * b, View(call.input, b));
  STRATA_RETURN_IF_ERROR(RingAllGather(levels.across, Segments::Strided(mine, b, b, levels.nodes)));
  STRATA_RETURN_IF_ERROR(
      RingAllGather(levels.inside, Segments::Strided(by_place, row, row, levels.g)));
  Transpose(by_place, call.output, levels.g, levels.nodes, b);
  return absl::OkStatus();
}

// First to the rank of this node that has the place of the addressee, then to its node.
absl::Status AllToAll(Wire& wire, const Call& call) {
  Levels levels(wire);
  const int64_t b = call.bytes(), all = b * wire.size();
  char* by_place = wire.Memory(Workspace::kStaging, all);  // [place of the addressee][its node]
  char* arrived =
      wire.Memory(Workspace::kExchange, all);  // [place of the sender][node of the addressee]
  Transpose(call.input, by_place, levels.nodes, levels.g, b);
  STRATA_RETURN_IF_ERROR(PairwiseAllToAll(levels.inside, by_place, arrived, b * levels.nodes));
  Transpose(arrived, by_place, levels.g, levels.nodes, b);
  return PairwiseAllToAll(levels.across, by_place, call.output, b * levels.g);
}

absl::Status Broadcast(Wire& wire, const Call& call) {
  Levels levels(wire);
  const Piece data = {call.output, call.bytes()};
  const int place = call.root % levels.g;
  if (levels.place == place)
    STRATA_RETURN_IF_ERROR(BinomialBroadcast(levels.across, data, call.root / levels.g));
  return BinomialBroadcast(levels.inside, data, place);
}

absl::Status Reduce(Wire& wire, const Call& call) {
  Levels levels(wire);
  const Piece data = {call.output, call.bytes()};
  const int place = call.root % levels.g;
  STRATA_RETURN_IF_ERROR(BinomialReduce(levels.inside, data, place));
  if (levels.place != place) return absl::OkStatus();
  STRATA_RETURN_IF_ERROR(BinomialReduce(levels.across, data, call.root / levels.g));
  if (wire.rank() == call.root) wire.Finish(data);
  return absl::OkStatus();
}

int64_t AllReduceBytes(const CallShape& s) { return 2 * (s.ranks - 1) * s.bytes(); }
int64_t WholeBytes(const CallShape& s) { return (s.ranks - 1) * s.bytes(); }
int64_t PerRankBytes(const CallShape& s) { return int64_t{s.ranks} * (s.ranks - 1) * s.bytes(); }

int64_t AllToAllBytes(const CallShape& s) {
  const int64_t g = NodeSize(s.ranks, s.tuning), nodes = s.ranks / g;
  return s.ranks * s.bytes() * (nodes * (g - 1) + g * (nodes - 1));
}

Cost AllReduceCost(const CallShape& s) {
  const int g = NodeSize(s.ranks, s.tuning);
  CallShape part = s;
  part.ranks = s.ranks / g;
  part.count = s.count / g;
  const Cost across = HalvingDoublingAllReduceCost(part);
  const double m = static_cast<double>(s.bytes());
  const double blocks = static_cast<double>(Blocks(s.bytes(), s.tuning.block_bytes * g));
  const double least = HalvingDoublingMessages(part.ranks);  // of one block
  return {blocks * (2 * (g - 1) + least), 2 * (g - 1.0) / g * m + across.bytes,
          (g - 1.0) / g * m + across.reduced_bytes};
}

Cost AllGatherCost(const CallShape& s) {
  const int g = NodeSize(s.ranks, s.tuning);
  return {g - 1.0 + s.ranks / g - 1, (s.ranks - 1.0) * static_cast<double>(s.bytes()), 0};
}

Cost ReduceScatterCost(const CallShape& s) {
  Cost cost = AllGatherCost(s);
  cost.reduced_bytes = cost.bytes;
  return cost;
}

Cost AllToAllCost(const CallShape& s) {
  const int g = NodeSize(s.ranks, s.tuning), nodes = s.ranks / g;
  return {g - 1.0 + nodes - 1,
          (nodes * (g - 1.0) + g * (nodes - 1.0)) * static_cast<double>(s.bytes()), 0};
}

Cost BroadcastCost(const CallShape& s) {
  const int g = NodeSize(s.ranks, s.tuning);
  const double steps = CeilLog(g) + CeilLog(s.ranks / g);
  return {steps, steps * static_cast<double>(s.bytes()), 0};
}

Cost ReduceCost(const CallShape& s) {
  Cost cost = BroadcastCost(s);
  cost.reduced_bytes = cost.bytes;
  return cost;
}

}  // namespace

absl::Span<const Algorithm> HierarchicalAlgorithms() {
  static constexpr absl::string_view kName = "hierarchical";
  static constexpr Algorithm kRows[] = {
      {Verb::kAllReduce, kName, AllReduce, InWholeNodes, AllReduceBytes, AllReduceCost},
      {Verb::kReduceScatter, kName, ReduceScatter, InWholeNodes, PerRankBytes, ReduceScatterCost},
      {Verb::kAllGather, kName, AllGather, InWholeNodes, PerRankBytes, AllGatherCost},
      {Verb::kBroadcast, kName, Broadcast, InWholeNodes, WholeBytes, BroadcastCost},
      {Verb::kReduce, kName, Reduce, InWholeNodes, WholeBytes, ReduceCost},
      {Verb::kAllToAll, kName, AllToAll, InWholeNodes, AllToAllBytes, AllToAllCost},
  };
  return kRows;
}

}  // namespace strata::distributed
