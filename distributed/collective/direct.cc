#include "distributed/collective/direct.h"

namespace strata::distributed {
namespace {

absl::Status Scatter(Wire& wire, const Call& call) {
  const int64_t b = call.bytes();
  if (wire.rank() != call.root) return wire.Recv(call.root, {call.output, b});
  Wire::Copy(call.output, View(call.input + call.root * b, b));
  for (int step = 1; step < wire.size(); ++step) {
    const int to = (call.root + step) % wire.size();
    STRATA_RETURN_IF_ERROR(wire.Send(to, View(call.input + to * b, b)));
  }
  return absl::OkStatus();
}

absl::Status Gather(Wire& wire, const Call& call) {
  const int64_t b = call.bytes();
  if (wire.rank() != call.root) return wire.Send(call.root, View(call.input, b));
  Wire::Copy(call.output + call.root * b, View(call.input, b));
  for (int step = 1; step < wire.size(); ++step) {
    const int from = (call.root + step) % wire.size();
    STRATA_RETURN_IF_ERROR(wire.Recv(from, {call.output + from * b, b}));
  }
  return absl::OkStatus();
}

int64_t WireBytes(const CallShape& s) { return (s.ranks - 1) * s.bytes(); }

Cost RootsCost(const CallShape& s) {
  return {s.ranks - 1.0, (s.ranks - 1.0) * static_cast<double>(s.bytes()), 0};
}

}  // namespace

absl::Span<const Algorithm> DirectAlgorithms() {
  static constexpr Algorithm kRows[] = {
      {Verb::kScatter, "direct", Scatter, AnyRanks, WireBytes, RootsCost},
      {Verb::kGather, "direct", Gather, AnyRanks, WireBytes, RootsCost},
  };
  return kRows;
}

}  // namespace strata::distributed
