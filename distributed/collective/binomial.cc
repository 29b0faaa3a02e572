#include "distributed/collective/binomial.h"

#include <algorithm>

#include "distributed/collective/powers.h"

namespace strata::distributed {
namespace {

// A rank's place in the tree, all counted from the root.
struct Place {
  Place(const Wire& wire, int root)
      : n(wire.size()), root(root), v((wire.rank() + n - root) % n), low(LowBit(v, CeilPower(n))) {}

  int Rank(int place) const { return (place + root) % n; }
  int parent() const { return Rank(v - low); }

  int n, root;
  int v;    // this rank
  int low;  // children are v + 1, v + 2, v + 4, ... below v + low and n
};

int64_t SubtreeSize(int v, int n) { return std::min(LowBit(v, CeilPower(n)), n - v); }

absl::Status Broadcast(Wire& wire, const Call& call) {
  return BinomialBroadcast(wire, {call.output, call.bytes()}, call.root);
}

absl::Status Reduce(Wire& wire, const Call& call) {
  const Piece data = {call.output, call.bytes()};
  STRATA_RETURN_IF_ERROR(BinomialReduce(wire, data, call.root));
  if (wire.rank() == call.root) wire.Finish(data);
  return absl::OkStatus();
}

// Blocks are counted from the root: block 0 is the root's own. `subtree` holds those of this rank's subtree.
absl::Status ScatterSubtree(Wire& wire, const Place& place, char* subtree, int64_t b) {
  for (int distance = place.low / 2; distance > 0; distance /= 2) {
    const int child = place.v + distance;
    if (child >= place.n) continue;
    const View out(subtree + distance * b, SubtreeSize(child, place.n) * b);
    STRATA_RETURN_IF_ERROR(wire.Send(place.Rank(child), out));
  }
  return absl::OkStatus();
}

absl::Status Scatter(Wire& wire, const Call& call) {
  const Place place(wire, call.root);
  const int64_t b = call.bytes(), mine = SubtreeSize(place.v, place.n) * b;
  char* subtree = wire.Memory(Workspace::kStaging, mine);
  if (place.v == 0) {
    const int64_t before = call.root * b, behind = (place.n - call.root) * b;
    Wire::Copy(subtree, View(call.input + before, behind));
    Wire::Copy(subtree + behind, View(call.input, before));
  } else {
    STRATA_RETURN_IF_ERROR(wire.Recv(place.parent(), {subtree, mine}));
  }
  STRATA_RETURN_IF_ERROR(ScatterSubtree(wire, place, subtree, b));
  Wire::Copy(call.output, View(subtree, b));
  return absl::OkStatus();
}

absl::Status Gather(Wire& wire, const Call& call) {
  const Place place(wire, call.root);
  const int64_t b = call.bytes(), mine = SubtreeSize(place.v, place.n) * b;
  char* subtree = wire.Memory(Workspace::kStaging, mine);
  Wire::Copy(subtree, View(call.input, b));
  for (int distance = 1; distance < place.low && place.v + distance < place.n; distance *= 2) {
    const int child = place.v + distance;
    const Piece in = {subtree + distance * b, SubtreeSize(child, place.n) * b};
    STRATA_RETURN_IF_ERROR(wire.Recv(place.Rank(child), in));
  }
  if (place.v != 0) return wire.Send(place.parent(), View(subtree, mine));
  const int64_t before = call.root * b, behind = (place.n - call.root) * b;
  Wire::Copy(call.output + before, View(subtree, behind));
  Wire::Copy(call.output, View(subtree + behind, before));
  return absl::OkStatus();
}

int64_t WholeBytes(const CallShape& s) { return (s.ranks - 1) * s.bytes(); }

Cost BroadcastCost(const CallShape& s) {
  const double steps = CeilLog(s.ranks);
  return {steps, steps * static_cast<double>(s.bytes()), 0};
}

Cost ReduceCost(const CallShape& s) {
  Cost cost = BroadcastCost(s);
  cost.reduced_bytes = cost.bytes;
  return cost;
}

int64_t SubtreeBytes(const CallShape& s) {
  int64_t blocks = 0;
  for (int v = 1; v < s.ranks; ++v) blocks += SubtreeSize(v, s.ranks);
  return blocks * s.bytes();
}

Cost SubtreeCost(const CallShape& s) {
  return {1.0 * CeilLog(s.ranks), (s.ranks - 1.0) * static_cast<double>(s.bytes()), 0};
}

}  // namespace

absl::Status BinomialBroadcast(Wire& wire, Piece data, int root) {
  const Place place(wire, root);
  if (place.v != 0) STRATA_RETURN_IF_ERROR(wire.Recv(place.parent(), data));
  for (int distance = place.low / 2; distance > 0; distance /= 2) {
    if (place.v + distance >= place.n) continue;
    STRATA_RETURN_IF_ERROR(wire.Send(place.Rank(place.v + distance), data));
  }
  return absl::OkStatus();
}

absl::Status BinomialReduce(Wire& wire, Piece data, int root) {
  const Place place(wire, root);
  for (int distance = 1; distance < place.low && place.v + distance < place.n; distance *= 2) {
    STRATA_RETURN_IF_ERROR(wire.RecvCombine(place.Rank(place.v + distance), data, Wire::kOwnFirst));
  }
  if (place.v == 0) return absl::OkStatus();
  return wire.Send(place.parent(), data);
}

absl::Span<const Algorithm> BinomialAlgorithms() {
  static constexpr Algorithm kRows[] = {
      {Verb::kBroadcast, "binomial", Broadcast, AnyRanks, WholeBytes, BroadcastCost},
      {Verb::kReduce, "binomial", Reduce, AnyRanks, WholeBytes, ReduceCost},
      {Verb::kScatter, "binomial", Scatter, AnyRanks, SubtreeBytes, SubtreeCost},
      {Verb::kGather, "binomial", Gather, AnyRanks, SubtreeBytes, SubtreeCost},
  };
  return kRows;
}

}  // namespace strata::distributed
