#include "distributed/collective/bruck.h"

#include <algorithm>
#include <bit>

#include "distributed/collective/powers.h"

namespace strata::distributed {
namespace {

absl::Status AllGather(Wire& wire, const Call& call) {
  const int n = wire.size(), r = wire.rank();
  const int64_t b = call.bytes();
  char* from_mine = wire.Memory(Workspace::kStaging, n * b);  // block i is of rank r + i
  Wire::Copy(from_mine, View(call.input, b));
  for (int have = 1; have < n; have *= 2) {
    const int64_t bytes = std::min(have, n - have) * b;
    const Piece in = {from_mine + have * b, bytes};
    STRATA_RETURN_IF_ERROR(
        wire.Exchange((r + n - have) % n, View(from_mine, bytes), (r + have) % n, in));
  }
  const int64_t before = r * b, behind = (n - r) * b;
  Wire::Copy(call.output + before, View(from_mine, behind));
  Wire::Copy(call.output, View(from_mine + behind, before));
  return absl::OkStatus();
}

// body(d) for all d in [1, n) that have the bit, in order.
template <typename Body>
void ForEachWithBit(int n, int bit, Body body) {
  for (int d = bit; d < n; ++d) {
    if (d & bit) body(d);
  }
}

absl::Status AllToAll(Wire& wire, const Call& call) {
  const int n = wire.size(), r = wire.rank();
  const int64_t b = call.bytes();
  char* by_distance = wire.Memory(Workspace::kStaging, n * b);  // block d has d left to go
  for (int d = 0; d < n; ++d)
    Wire::Copy(by_distance + d * b, View(call.input + (r + d) % n * b, b));
  const int64_t most = (n + 1) / 2 * b;
  char* out = wire.Memory(Workspace::kExchange, 2 * most);
  for (int bit = 1; bit < n; bit *= 2) {
    int64_t bytes = 0;
    ForEachWithBit(n, bit, [&](int d) {
      Wire::Copy(out + bytes, View(by_distance + d * b, b));
      bytes += b;
    });
    char* in = out + most;
    STRATA_RETURN_IF_ERROR(
        wire.Exchange((r + bit) % n, View(out, bytes), (r + n - bit) % n, {in, bytes}));
    ForEachWithBit(n, bit, [&](int d) {
      Wire::Copy(by_distance + d * b, View(in, b));
      in += b;
    });
  }
  // Block d has come from the rank d before.
  for (int d = 0; d < n; ++d)
    Wire::Copy(call.output + (r + n - d) % n * b, View(by_distance + d * b, b));
  return absl::OkStatus();
}

int64_t AllGatherBytes(const CallShape& s) { return int64_t{s.ranks} * (s.ranks - 1) * s.bytes(); }

Cost AllGatherCost(const CallShape& s) {
  return {1.0 * CeilLog(s.ranks), (s.ranks - 1.0) * static_cast<double>(s.bytes()), 0};
}

int64_t BitsSetBelow(int n) {
  int64_t bits = 0;
  for (int d = 1; d < n; ++d) bits += std::popcount(static_cast<unsigned>(d));
  return bits;
}

int64_t AllToAllBytes(const CallShape& s) { return s.ranks * BitsSetBelow(s.ranks) * s.bytes(); }

Cost AllToAllCost(const CallShape& s) {
  return {1.0 * CeilLog(s.ranks),
          static_cast<double>(BitsSetBelow(s.ranks)) * static_cast<double>(s.bytes()), 0};
}

}  // namespace

absl::Span<const Algorithm> BruckAlgorithms() {
  static constexpr Algorithm kRows[] = {
      {Verb::kAllGather, "bruck", AllGather, AnyRanks, AllGatherBytes, AllGatherCost},
      {Verb::kAllToAll, "bruck", AllToAll, AnyRanks, AllToAllBytes, AllToAllCost},
  };
  return kRows;
}

}  // namespace strata::distributed
