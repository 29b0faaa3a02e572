#include "distributed/collective/halving_doubling.h"

#include <algorithm>

#include "distributed/collective/blocks.h"
#include "distributed/collective/fold.h"

namespace strata::distributed {
namespace {

// What the ranks of the core own: `blocks` has a part for each of them, or one for each rank of all, of which those of
// a folded pair belong to the one that stays.
class CoreParts {
 public:
  CoreParts(const Fold& fold, const Segments& blocks)
      : r_(blocks.parts() == fold.p ? 0 : fold.r), blocks_(blocks) {}

  // Of cores [first, last).
  Piece Range(int first, int last) const { return blocks_.Range(Block(first), Block(last)); }
  int64_t Bytes(int first, int last) const { return blocks_.Bytes(Block(first), Block(last)); }

 private:
  int Block(int core) const { return core + std::min(core, r_); }

  int r_;
  Segments blocks_;
};

// Each rank of the core gets its part of the sum. The first step reads from `source`, the sums are made in `parts`.
absl::Status Halve(Wire& wire, const Fold& fold, const CoreParts& source, const CoreParts& parts) {
  const CoreParts* from = &source;
  const int core = fold.core();
  for (int distance = fold.p / 2; distance > 0; distance /= 2) {
    const int first = core & ~(2 * distance - 1), middle = first + distance;
    const bool low = core < middle;
    const int keep = low ? first : middle, give = low ? middle : first;
    const int partner = fold.RankOf(core ^ distance);
    STRATA_RETURN_IF_ERROR(wire.ExchangeCombine(
        partner, from->Range(give, give + distance), partner, from->Range(keep, keep + distance),
        parts.Range(keep, keep + distance).data, low ? Wire::kOwnFirst : Wire::kArrivedFirst));
    from = &parts;
  }
  return absl::OkStatus();
}

// The way back: every rank of the core gets all parts. `own` has the bytes of this rank's part where they were not
// written a moment ago, if there is such a place.
absl::Status Double(Wire& wire, const Fold& fold, const CoreParts& parts,
                    const char* own = nullptr) {
  const int core = fold.core();
  for (int distance = 1; distance < fold.p; distance *= 2) {
    const int mine = core & ~(distance - 1), theirs = mine ^ distance;
    const int partner = fold.RankOf(core ^ distance);
    const Piece held = parts.Range(mine, mine + distance);
    const View out = distance == 1 && own != nullptr ? View(own, held.bytes) : View(held);
    STRATA_RETURN_IF_ERROR(
        wire.Exchange(partner, out, partner, parts.Range(theirs, theirs + distance)));
  }
  return absl::OkStatus();
}

// The parts of the core to core 0, and from there.
absl::Status GatherParts(Wire& wire, const Fold& fold, const CoreParts& parts) {
  const int core = fold.core();
  for (int distance = 1; distance < fold.p; distance *= 2) {
    if (core & distance)
      return wire.Send(fold.RankOf(core - distance), parts.Range(core, core + distance));
    const Piece in = parts.Range(core + distance, core + 2 * distance);
    STRATA_RETURN_IF_ERROR(wire.Recv(fold.RankOf(core + distance), in));
  }
  return absl::OkStatus();
}

absl::Status ScatterParts(Wire& wire, const Fold& fold, const CoreParts& parts) {
  const int core = fold.core(), low = LowBit(core, fold.p);
  if (core > 0)
    STRATA_RETURN_IF_ERROR(wire.Recv(fold.RankOf(core - low), parts.Range(core, core + low)));
  for (int distance = low / 2; distance > 0; distance /= 2) {
    const View out = parts.Range(core + distance, core + 2 * distance);
    STRATA_RETURN_IF_ERROR(wire.Send(fold.RankOf(core + distance), out));
  }
  return absl::OkStatus();
}

// Hands all data to the neighbour, or takes it and adds it.
absl::Status FoldIn(Wire& wire, const Fold& fold, Piece data) {
  if (fold.outside()) return wire.Send(fold.partner(), data);
  if (!fold.paired()) return absl::OkStatus();
  return wire.RecvCombine(fold.partner(), data, Wire::kOwnFirst);
}

absl::Status FoldOut(Wire& wire, const Fold& fold, Piece data) {
  if (fold.outside()) return wire.Recv(fold.partner(), data);
  if (!fold.paired()) return absl::OkStatus();
  return wire.Send(fold.partner(), data);
}

absl::Status AllReduceBlock(Wire& wire, Piece data, int64_t element_bytes) {
  const Fold fold(wire.size(), wire.rank());
  STRATA_RETURN_IF_ERROR(FoldIn(wire, fold, data));
  if (!fold.outside()) {
    const CoreParts parts(fold,
                          Segments(data.data, data.bytes / element_bytes, element_bytes, fold.p));
    STRATA_RETURN_IF_ERROR(Halve(wire, fold, parts, parts));
    wire.Finish(parts.Range(fold.core(), fold.core() + 1));
    STRATA_RETURN_IF_ERROR(Double(wire, fold, parts));
  }
  return FoldOut(wire, fold, data);
}

absl::Status AllReduce(Wire& wire, const Call& call) {
  return HalvingDoublingAllReduce(wire, {call.output, call.bytes()}, call.element_bytes());
}

absl::Status ReduceScatter(Wire& wire, const Call& call) {
  const Fold fold(wire.size(), wire.rank());
  const int64_t b = call.bytes(), all = b * wire.size();
  if (fold.outside()) {
    STRATA_RETURN_IF_ERROR(wire.Send(fold.partner(), View(call.input, all)));
    return wire.Recv(fold.partner(), {call.output, b});
  }
  char* staging = wire.Memory(Workspace::kStaging, all);
  char* input = const_cast<char*>(call.input);  // only read
  const CoreParts sums(fold, Segments::Strided(staging, b, b, wire.size()));
  const CoreParts given(fold, Segments::Strided(input, b, b, wire.size()));
  if (fold.paired()) {
    STRATA_RETURN_IF_ERROR(wire.ExchangeCombine(fold.partner(), View(nullptr, 0), fold.partner(),
                                                View(input, all), staging, Wire::kOwnFirst));
  }
  STRATA_RETURN_IF_ERROR(Halve(wire, fold, fold.paired() ? sums : given, sums));
  const Piece mine = sums.Range(fold.core(), fold.core() + 1);  // a pair's two blocks, or one
  wire.Finish(mine);
  Wire::Copy(call.output, View(mine.data, b));
  if (!fold.paired()) return absl::OkStatus();
  return wire.Send(fold.partner(), View(mine.data + b, b));
}

absl::Status AllGather(Wire& wire, const Call& call) {
  const Fold fold(wire.size(), wire.rank());
  const int64_t b = call.bytes();
  const Piece all = {call.output, b * wire.size()};
  if (fold.outside()) {
    STRATA_RETURN_IF_ERROR(wire.Send(fold.partner(), View(call.input, b)));
    return wire.Recv(fold.partner(), all);
  }
  Wire::Copy(call.output + wire.rank() * b, View(call.input, b));
  if (fold.paired()) {
    STRATA_RETURN_IF_ERROR(wire.Recv(fold.partner(), {call.output + fold.partner() * b, b}));
  }
  const CoreParts parts(fold, Segments::Strided(call.output, b, b, wire.size()));
  STRATA_RETURN_IF_ERROR(Double(wire, fold, parts, fold.paired() ? nullptr : call.input));
  return FoldOut(wire, fold, all);
}

absl::Status Broadcast(Wire& all, const Call& call) {
  Wire wire = all.FromRoot(call.root);
  const Fold fold(wire.size(), wire.rank());
  if (!fold.outside()) {
    const CoreParts parts(fold, Segments(call.output, call.count, call.element_bytes(), fold.p));
    STRATA_RETURN_IF_ERROR(ScatterParts(wire, fold, parts));
    STRATA_RETURN_IF_ERROR(Double(wire, fold, parts));
  }
  return FoldOut(wire, fold, {call.output, call.bytes()});
}

absl::Status Reduce(Wire& all, const Call& call) {
  Wire wire = all.FromRoot(call.root);
  const Fold fold(wire.size(), wire.rank());
  STRATA_RETURN_IF_ERROR(FoldIn(wire, fold, {call.output, call.bytes()}));
  if (fold.outside()) return absl::OkStatus();
  const CoreParts parts(fold, Segments(call.output, call.count, call.element_bytes(), fold.p));
  STRATA_RETURN_IF_ERROR(Halve(wire, fold, parts, parts));
  wire.Finish(parts.Range(fold.core(), fold.core() + 1));
  return GatherParts(wire, fold, parts);
}

int64_t AllReduceBytes(const CallShape& s) { return 2 * (s.ranks - 1) * s.bytes(); }

int64_t PerRankBytes(const CallShape& s) {
  const Fold fold(s.ranks, 0);
  return (int64_t{s.ranks} * (s.ranks - 1) + fold.r) * s.bytes();
}

// What goes up the tree of GatherParts.
int64_t RootedBytes(const CallShape& s) {
  const Fold fold(s.ranks, 0);
  const Segments parts(nullptr, s.count, s.element_bytes, fold.p);
  int64_t bytes = (fold.p - 1 + fold.r) * s.bytes();
  for (int core = 1; core < fold.p; ++core) bytes += parts.Bytes(core, core + LowBit(core, fold.p));
  return bytes;
}

// The chain of core 0, whose parts are the largest.
Cost AllGatherCost(const CallShape& s) {
  const Fold fold(s.ranks, 0);
  const CoreParts blocks(fold, Segments(nullptr, s.ranks, 1, s.ranks));
  const double b = static_cast<double>(s.bytes()), over = fold.r > 0 ? 1 : 0;
  double moved = over * (1 + s.ranks);
  for (int distance = 1; distance < fold.p; distance *= 2)
    moved += static_cast<double>(blocks.Bytes(0, distance));
  return {FloorLog(fold.p) + 2 * over, moved * b, 0};
}

Cost ReduceScatterCost(const CallShape& s) {
  Cost cost = AllGatherCost(s);
  const double over = Fold(s.ranks, 0).r > 0 ? 1 : 0;
  cost.reduced_bytes = cost.bytes - over * static_cast<double>(s.bytes());
  return cost;
}

Cost BroadcastCost(const CallShape& s) {
  const Fold fold(s.ranks, 0);
  const double p = fold.p, m = static_cast<double>(s.bytes()), over = fold.r > 0 ? 1 : 0;
  return {2 * FloorLog(fold.p) + over, (2 * (p - 1) / p + over) * m, 0};
}

Cost ReduceCost(const CallShape& s) {
  const Fold fold(s.ranks, 0);
  const double p = fold.p, m = static_cast<double>(s.bytes()), over = fold.r > 0 ? 1 : 0;
  Cost cost = BroadcastCost(s);
  cost.reduced_bytes = ((p - 1) / p + over) * m;
  return cost;
}

}  // namespace

absl::Status HalvingDoublingAllReduce(Wire& wire, Piece data, int64_t element_bytes) {
  const int64_t block =
      wire.tuning().block_bytes / element_bytes * element_bytes * FloorPower(wire.size());
  return ForEachBlock(data.bytes, block, [&](int64_t at, int64_t bytes) {
    return AllReduceBlock(wire, {data.data + at, bytes}, element_bytes);
  });
}

int HalvingDoublingMessages(int ranks) {
  const Fold fold(ranks, 0);
  return 2 * FloorLog(fold.p) + (fold.r > 0 ? 2 : 0);
}

Cost HalvingDoublingAllReduceCost(const CallShape& s) {
  const Fold fold(s.ranks, 0);
  const double p = fold.p, m = static_cast<double>(s.bytes()), over = fold.r > 0 ? 1 : 0;
  const double blocks = static_cast<double>(Blocks(s.bytes(), s.tuning.block_bytes * fold.p));
  return {blocks * HalvingDoublingMessages(s.ranks), (2 * (p - 1) / p + 2 * over) * m,
          ((p - 1) / p + over) * m};
}

absl::Span<const Algorithm> HalvingDoublingAlgorithms() {
  static constexpr absl::string_view kName = "halving_doubling";
  static constexpr Algorithm kRows[] = {
      {Verb::kAllReduce, kName, AllReduce, AnyRanks, AllReduceBytes, HalvingDoublingAllReduceCost},
      {Verb::kReduceScatter, kName, ReduceScatter, AnyRanks, PerRankBytes, ReduceScatterCost},
      {Verb::kAllGather, kName, AllGather, AnyRanks, PerRankBytes, AllGatherCost},
      {Verb::kBroadcast, kName, Broadcast, AnyRanks, RootedBytes, BroadcastCost},
      {Verb::kReduce, kName, Reduce, AnyRanks, RootedBytes, ReduceCost},
  };
  return kRows;
}

}  // namespace strata::distributed
