#include "distributed/collective/pairwise.h"

#include <vector>

namespace strata::distributed {
namespace {

absl::Status AllToAll(Wire& wire, const Call& call) {
  return PairwiseAllToAll(wire, call.input, call.output, call.bytes());
}

// Where each rank's piece begins, in bytes; and the end.
std::vector<int64_t> Offsets(absl::Span<const int64_t> counts, int64_t element_bytes) {
  std::vector<int64_t> offsets = {0};
  for (int64_t count : counts) offsets.push_back(offsets.back() + count * element_bytes);
  return offsets;
}

absl::Status AllToAllV(Wire& wire, const Call& call) {
  const size_t n = static_cast<size_t>(wire.size()), r = static_cast<size_t>(wire.rank());
  const std::vector<int64_t> sent = Offsets(call.send_counts, call.element_bytes());
  const std::vector<int64_t> received = Offsets(call.receive_counts, call.element_bytes());
  Wire::Copy(call.output + received[r], View(call.input + sent[r], sent[r + 1] - sent[r]));
  for (size_t step = 1; step < n; ++step) {
    const size_t to = (r + step) % n, from = (r + n - step) % n;
    const View out(call.input + sent[to], sent[to + 1] - sent[to]);
    const Piece in = {call.output + received[from], received[from + 1] - received[from]};
    STRATA_RETURN_IF_ERROR(wire.Exchange(static_cast<int>(to), out, static_cast<int>(from), in));
  }
  return absl::OkStatus();
}

int64_t AllToAllBytes(const CallShape& s) { return int64_t{s.ranks} * (s.ranks - 1) * s.bytes(); }

Cost AllToAllCost(const CallShape& s) {
  const double steps = s.ranks - 1;
  return {steps, steps * static_cast<double>(s.bytes()), 0};
}

int64_t AllToAllVBytes(const CallShape& s) { return s.bytes(); }

// As if the pairs had equal shares.
Cost AllToAllVCost(const CallShape& s) {
  return {s.ranks - 1.0, static_cast<double>(s.bytes()) / s.ranks, 0};
}

}  // namespace

absl::Status PairwiseAllToAll(Wire& wire, const char* input, char* output, int64_t b) {
  const int n = wire.size(), r = wire.rank();
  Wire::Copy(output + r * b, View(input + r * b, b));
  for (int step = 1; step < n; ++step) {
    const int to = (r + step) % n, from = (r + n - step) % n;
    STRATA_RETURN_IF_ERROR(
        wire.Exchange(to, View(input + to * b, b), from, {output + from * b, b}));
  }
  return absl::OkStatus();
}

absl::Span<const Algorithm> PairwiseAlgorithms() {
  static constexpr Algorithm kRows[] = {
      {Verb::kAllToAll, "pairwise", AllToAll, AnyRanks, AllToAllBytes, AllToAllCost},
      {Verb::kAllToAllV, "pairwise", AllToAllV, AnyRanks, AllToAllVBytes, AllToAllVCost},
  };
  return kRows;
}

}  // namespace strata::distributed
