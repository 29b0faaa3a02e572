#include "distributed/collective/ring.h"

#include "distributed/collective/blocks.h"

namespace strata::distributed {
namespace {

int Next(const Wire& wire) { return (wire.rank() + 1) % wire.size(); }
int Previous(const Wire& wire) { return (wire.rank() + wire.size() - 1) % wire.size(); }

// The same with an input that is only read: what is on the way changes between the output and another buffer, as it is
// read by the next rank while the next sum is made. The last sum is made in the output.
absl::Status RingReduceScatterInto(Wire& wire, const Segments& parts, char* output) {
  char* partial[2] = {output, wire.Memory(Workspace::kExchange, parts[0].bytes)};
  View out = parts[wire.rank() - 1];
  for (int step = 0; step < wire.size() - 1; ++step) {
    const Piece own = parts[wire.rank() - 2 - step];
    char* result = partial[(wire.size() - step) % 2];
    STRATA_RETURN_IF_ERROR(wire.ExchangeCombine(Next(wire), out, Previous(wire), own, result));
    out = View(result, own.bytes);
  }
  return absl::OkStatus();
}

absl::Status AllReduce(Wire& wire, const Call& call) {
  const int64_t block = wire.tuning().block_bytes / call.element_bytes() * wire.size();
  return ForEachBlock(call.count, block, [&](int64_t at, int64_t count) -> absl::Status {
    const Segments parts(call.output + at * call.element_bytes(), count, call.element_bytes(),
                         wire.size());
    STRATA_RETURN_IF_ERROR(RingReduceScatter(wire, parts));
    wire.Finish(parts[wire.rank()]);
    return RingAllGather(wire, parts);
  });
}

absl::Status ReduceScatter(Wire& wire, const Call& call) {
  char* input = const_cast<char*>(call.input);  // only read: Segments is one class for both
  return ForEachBlock(
      call.bytes(), wire.tuning().block_bytes, [&](int64_t at, int64_t bytes) -> absl::Status {
        const Segments parts = Segments::Strided(input + at, bytes, call.bytes(), wire.size());
        STRATA_RETURN_IF_ERROR(RingReduceScatterInto(wire, parts, call.output + at));
        wire.Finish({call.output + at, bytes});
        return absl::OkStatus();
      });
}

absl::Status AllGather(Wire& wire, const Call& call) {
  Wire::Copy(call.output + wire.rank() * call.bytes(), View(call.input, call.bytes()));
  return ForEachBlock(call.bytes(), wire.tuning().block_bytes, [&](int64_t at, int64_t bytes) {
    const Segments parts = Segments::Strided(call.output + at, bytes, call.bytes(), wire.size());
    return RingAllGather(wire, parts, call.input + at);
  });
}

int64_t AllReduceBytes(const CallShape& s) { return 2 * (s.ranks - 1) * s.bytes(); }

Cost AllReduceCost(const CallShape& s) {
  const double n = s.ranks, m = static_cast<double>(s.bytes());
  const double blocks = static_cast<double>(Blocks(s.bytes(), s.tuning.block_bytes * s.ranks));
  return {2 * (n - 1) * blocks, 2 * (n - 1) / n * m, (n - 1) / n * m};
}

int64_t PerRankBytes(const CallShape& s) { return int64_t{s.ranks} * (s.ranks - 1) * s.bytes(); }

Cost AllGatherCost(const CallShape& s) {
  const double steps = s.ranks - 1, b = static_cast<double>(s.bytes());
  return {steps * static_cast<double>(Blocks(s.bytes(), s.tuning.block_bytes)), steps * b, 0};
}

Cost ReduceScatterCost(const CallShape& s) {
  Cost cost = AllGatherCost(s);
  cost.reduced_bytes = cost.bytes;
  return cost;
}

}  // namespace

absl::Status RingReduceScatter(Wire& wire, const Segments& parts) {
  for (int step = 0; step < wire.size() - 1; ++step) {
    const Piece out = parts[wire.rank() - 1 - step], own = parts[wire.rank() - 2 - step];
    STRATA_RETURN_IF_ERROR(wire.ExchangeCombine(Next(wire), out, Previous(wire), own, own.data));
  }
  return absl::OkStatus();
}

absl::Status RingAllGather(Wire& wire, const Segments& parts, const char* mine) {
  for (int step = 0; step < wire.size() - 1; ++step) {
    const Piece part = parts[wire.rank() - step], in = parts[wire.rank() - 1 - step];
    const View out = step == 0 && mine != nullptr ? View(mine, part.bytes) : View(part);
    STRATA_RETURN_IF_ERROR(wire.Exchange(Next(wire), out, Previous(wire), in));
  }
  return absl::OkStatus();
}

absl::Span<const Algorithm> RingAlgorithms() {
  static constexpr Algorithm kRows[] = {
      {Verb::kAllReduce, "ring", AllReduce, AnyRanks, AllReduceBytes, AllReduceCost},
      {Verb::kReduceScatter, "ring", ReduceScatter, AnyRanks, PerRankBytes, ReduceScatterCost},
      {Verb::kAllGather, "ring", AllGather, AnyRanks, PerRankBytes, AllGatherCost},
  };
  return kRows;
}

}  // namespace strata::distributed
