#include "distributed/collective/recursive_doubling.h"

#include <utility>

#include "distributed/collective/fold.h"

namespace strata::distributed {
namespace {

// All ranks of the core hold the sum of the core.
absl::Status Double(Wire& wire, const Fold& fold, Piece data) {
  // Where own data must not change while it is read by the partner, the sums change between two buffers.
  const bool in_place = wire.MayOverwrite(data.bytes);
  char* other = in_place ? data.data : wire.Memory(Workspace::kExchange, data.bytes);
  Piece now = data;
  for (int distance = 1; distance < fold.p; distance *= 2) {
    const int partner = fold.RankOf(fold.core() ^ distance);
    const Wire::Order order = partner < wire.rank() ? Wire::kArrivedFirst : Wire::kOwnFirst;
    STRATA_RETURN_IF_ERROR(wire.ExchangeCombine(partner, now, partner, now, other, order));
    std::swap(now.data, other);
  }
  Wire::Copy(data.data, now);
  return absl::OkStatus();
}

absl::Status AllReduce(Wire& wire, const Call& call) {
  const Fold fold(wire.size(), wire.rank());
  const Piece data = {call.output, call.bytes()};
  if (fold.outside()) {
    STRATA_RETURN_IF_ERROR(wire.Send(fold.partner(), data));
    return wire.Recv(fold.partner(), data);
  }
  if (fold.paired())
    STRATA_RETURN_IF_ERROR(wire.RecvCombine(fold.partner(), data, Wire::kOwnFirst));
  STRATA_RETURN_IF_ERROR(Double(wire, fold, data));
  wire.Finish(data);
  if (!fold.paired()) return absl::OkStatus();
  return wire.Send(fold.partner(), data);
}

int64_t WireBytes(const CallShape& s) {
  const Fold fold(s.ranks, 0);
  return (int64_t{fold.p} * FloorLog(fold.p) + 2 * fold.r) * s.bytes();
}

Cost AllReduceCost(const CallShape& s) {
  const Fold fold(s.ranks, 0);
  const double m = static_cast<double>(s.bytes()), steps = FloorLog(fold.p);
  const double over = fold.r > 0 ? 1 : 0;
  return {steps + 2 * over, (steps + 2 * over) * m, (steps + over) * m};
}

}  // namespace

absl::Span<const Algorithm> RecursiveDoublingAlgorithms() {
  static constexpr Algorithm kRows[] = {
      {Verb::kAllReduce, "recursive_doubling", AllReduce, AnyRanks, WireBytes, AllReduceCost}};
  return kRows;
}

}  // namespace strata::distributed
