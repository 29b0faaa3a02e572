#include "distributed/collective/shared.h"

#include <algorithm>
#include <memory>

#include "distributed/collective/blocks.h"
#include "distributed/collective/powers.h"
#include "distributed/collective/shared_windows.h"

namespace strata::distributed {
namespace {

constexpr int64_t kLine = 64;            // bytes that travel between cores together
constexpr int64_t kTileBytes = 8 << 10;  // of each operand: a few of them fit the first cache

// The operands of all ranks.
class Operands {
 public:
  Operands(Wire& wire, const SharedWindows& windows) : wire_(wire), windows_(windows) {}

  int ranks() const { return wire_.size(); }
  int rank() const { return wire_.rank(); }
  char* of(int rank) const { return windows_.data(rank); }

  // result = the combination of all ranks' bytes from `at` on, finished. It may be rank 0's.
  void Combine(int64_t at, Piece result) const {
    wire_.CombineHere(of(0) + at, of(1) + at, result);
    for (int rank = 2; rank < ranks(); ++rank)
      wire_.CombineHere(result.data, of(rank) + at, result);
    wire_.Finish(result);
  }

 private:
  Wire& wire_;
  const SharedWindows& windows_;
};

// `body(operands)` while all ranks' `mine` may be used.
template <typename Body>
absl::Status WithOperands(Wire& wire, const void* mine, Body body) {
  std::shared_ptr<SharedWindows>& windows = wire.workspace().windows;
  if (windows == nullptr) windows = std::make_shared<SharedWindows>();
  STRATA_RETURN_IF_ERROR(windows->Open(wire, mine));
  body(Operands(wire, *windows));
  return windows->Close(wire);
}

// body(at, bytes) for the tiles of this rank's part of `bytes` bytes. Parts meet at lines: no two ranks write one.
template <typename Body>
void ForMyTiles(const Operands& operands, int64_t bytes, Body body) {
  const int64_t lines = Blocks(bytes, kLine), n = operands.ranks(), r = operands.rank();
  const int64_t end = std::min(bytes, lines * (r + 1) / n * kLine);
  for (int64_t at = lines * r / n * kLine; at < end; at += kTileBytes)
    body(at, std::min(kTileBytes, end - at));
}

absl::Status AllReduce(Wire& wire, const Call& call) {
  if (call.count == 0) return absl::OkStatus();
  return WithOperands(wire, call.output, [&](const Operands& all) {
    ForMyTiles(all, call.bytes(), [&](int64_t at, int64_t bytes) {
      const Piece sum = {all.of(0) + at, bytes};
      all.Combine(at, sum);
      for (int rank = 1; rank < all.ranks(); ++rank) Wire::Copy(all.of(rank) + at, sum);
    });
  });
}

absl::Status Reduce(Wire& wire, const Call& call) {
  if (call.count == 0) return absl::OkStatus();
  return WithOperands(wire, call.output, [&](const Operands& all) {
    ForMyTiles(all, call.bytes(), [&](int64_t at, int64_t bytes) {
      alignas(kLine) char sum[kTileBytes];  // the root's own summand is needed till the end
      all.Combine(at, {sum, bytes});
      Wire::Copy(all.of(call.root) + at, View(sum, bytes));
    });
  });
}

absl::Status ReduceScatter(Wire& wire, const Call& call) {
  const int64_t b = call.bytes();
  if (b == 0) return absl::OkStatus();
  return WithOperands(wire, call.input, [&](const Operands& all) {
    for (int64_t at = 0; at < b; at += kTileBytes)
      all.Combine(all.rank() * b + at, {call.output + at, std::min(kTileBytes, b - at)});
  });
}

absl::Status AllGather(Wire& wire, const Call& call) {
  const int64_t b = call.bytes();
  if (b == 0) return absl::OkStatus();
  return WithOperands(wire, call.input, [&](const Operands& all) {
    for (int step = 0; step < all.ranks(); ++step) {
      const int from = (all.rank() + step) % all.ranks();  // not all from one at once
      Wire::Copy(call.output + from * b, View(all.of(from), b));
    }
  });
}

absl::Status AllToAll(Wire& wire, const Call& call) {
  const int64_t b = call.bytes();
  if (b == 0) return absl::OkStatus();
  return WithOperands(wire, call.input, [&](const Operands& all) {
    for (int step = 0; step < all.ranks(); ++step) {
      const int from = (all.rank() + step) % all.ranks();
      Wire::Copy(call.output + from * b, View(all.of(from) + all.rank() * b, b));
    }
  });
}

absl::Status Broadcast(Wire& wire, const Call& call) {
  if (call.count == 0) return absl::OkStatus();
  return WithOperands(wire, call.output, [&](const Operands& all) {
    Wire::Copy(call.output, View(all.of(call.root), call.bytes()));
  });
}

absl::Status Scatter(Wire& wire, const Call& call) {
  const int64_t b = call.bytes();
  if (b == 0) return absl::OkStatus();
  return WithOperands(wire, call.input, [&](const Operands& all) {
    Wire::Copy(call.output, View(all.of(call.root) + all.rank() * b, b));
  });
}

// Each rank writes its own piece.
absl::Status Gather(Wire& wire, const Call& call) {
  const int64_t b = call.bytes();
  if (b == 0) return absl::OkStatus();
  return WithOperands(wire, call.output, [&](const Operands& all) {
    Wire::Copy(all.of(call.root) + all.rank() * b, View(call.input, b));
  });
}

bool SharesMemory(int, const Tuning& tuning) { return tuning.one_address_space; }

int64_t WireBytes(const CallShape& s) {
  return s.count == 0 ? 0 : int64_t{32} * s.ranks * (s.ranks - 1);
}

// A round of addresses and a barrier; of the rest, what comes from other cores.
Cost CostOf(const CallShape& s, double crossing, double reduced) {
  const double bytes = static_cast<double>(s.bytes());
  return {2.0 * CeilLog(s.ranks), crossing * bytes, reduced * bytes};
}

Cost PartCost(const CallShape& s) {
  const double share = (s.ranks - 1.0) / s.ranks;
  return CostOf(s, share, share);
}
Cost BlocksReducedCost(const CallShape& s) { return CostOf(s, s.ranks - 1.0, s.ranks - 1.0); }
Cost BlocksCost(const CallShape& s) { return CostOf(s, s.ranks - 1.0, 0); }
Cost OnceCost(const CallShape& s) { return CostOf(s, 1, 0); }

}  // namespace

absl::Span<const Algorithm> SharedAlgorithms() {
  static constexpr Algorithm kRows[] = {
      {Verb::kAllReduce, "shared", AllReduce, SharesMemory, WireBytes, PartCost},
      {Verb::kReduceScatter, "shared", ReduceScatter, SharesMemory, WireBytes, BlocksReducedCost},
      {Verb::kAllGather, "shared", AllGather, SharesMemory, WireBytes, BlocksCost},
      {Verb::kBroadcast, "shared", Broadcast, SharesMemory, WireBytes, OnceCost},
      {Verb::kReduce, "shared", Reduce, SharesMemory, WireBytes, PartCost},
      {Verb::kScatter, "shared", Scatter, SharesMemory, WireBytes, OnceCost},
      {Verb::kGather, "shared", Gather, SharesMemory, WireBytes, OnceCost},
      {Verb::kAllToAll, "shared", AllToAll, SharesMemory, WireBytes, BlocksCost},
  };
  return kRows;
}

}  // namespace strata::distributed
