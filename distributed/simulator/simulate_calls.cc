#include "distributed/simulator/simulate_calls.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "distributed/collective/algorithm_table.h"
#include "distributed/simulator/simulated_transport.h"

namespace strata::distributed {
namespace {

constexpr int64_t kElementBytes = 4;

// Elements of the larger of a rank's two operands.
int64_t OperandCount(const SimulatedCall& call, int ranks) {
  switch (call.algorithm->verb) {
    case Verb::kAllReduce:
    case Verb::kBroadcast:
    case Verb::kReduce:
      return call.count;
    default:
      return call.count * ranks;
  }
}

// Memory that is mostly never touched, as messages carry no data.
class Operands {
 public:
  Operands(absl::Span<const SimulatedCall> calls, int ranks) {
    int64_t most = 0;
    for (const SimulatedCall& call : calls) most = std::max(most, OperandCount(call, ranks));
    input_.reset(new char[static_cast<size_t>(most * kElementBytes)]);
    output_.reset(new char[static_cast<size_t>(most * kElementBytes)]);
  }

  Call Of(const SimulatedCall& simulated, absl::Span<const int64_t> counts) const {
    const Verb verb = simulated.algorithm->verb;
    const bool in_place = OperandCount(simulated, 2) == simulated.count;
    Call call = {.verb = verb,
                 .input = in_place ? output_.get() : input_.get(),
                 .output = output_.get(),
                 .count = simulated.count,
                 .dtype = chips::F32,
                 .root = simulated.root};
    if (verb == Verb::kAllToAllV) call.send_counts = call.receive_counts = counts;
    return call;
  }

 private:
  std::unique_ptr<char[]> input_, output_;
};

absl::Status CheckCalls(absl::Span<const SimulatedCall> calls, int ranks, const Tuning& tuning) {
  for (const SimulatedCall& call : calls) {
    if (ranks > 1 && !call.algorithm->takes(ranks, tuning)) {
      return absl::InvalidArgumentError(absl::StrCat(VerbName(call.algorithm->verb), " by ",
                                                     call.algorithm->name, " is not for ", ranks,
                                                     " ranks"));
    }
  }
  return absl::OkStatus();
}

// Of one rank.
absl::Status RunCalls(Transport& transport, VirtualClock& clock,
                      absl::Span<const SimulatedCall> calls, const Tuning& tuning,
                      std::vector<double>* seconds) {
  const Operands operands(calls, transport.size());
  Workspace workspace;
  for (size_t k = 0; k < calls.size(); ++k) {
    const std::vector<int64_t> counts(static_cast<size_t>(transport.size()), calls[k].count);
    const Call call = operands.Of(calls[k], counts);
    const Algorithm& algorithm = *calls[k].algorithm;
    STRATA_RETURN_IF_ERROR(CheckCall(call, transport.rank(), transport.size()));
    STRATA_RETURN_IF_ERROR(transport.Barrier());
    clock.Restart();
    Wire wire(transport, TagOf(algorithm), call, tuning, workspace);
    STRATA_RETURN_IF_ERROR(Annotate(algorithm.run(wire, call), std::string(algorithm.name)));
    (*seconds)[k] = clock.now();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<double>> SimulateCalls(const Network& network, int ranks,
                                                  absl::Span<const SimulatedCall> calls,
                                                  const Tuning& tuning) {
  std::vector<double> last(calls.size(), 0.0);
  if (ranks == 1) return last;
  STRATA_RETURN_IF_ERROR(CheckCalls(calls, ranks, tuning));
  STRATA_ASSIGN_OR_RETURN(SimulatedRun run, SimulateRun(network, ranks, {.carry_data = false}));
  std::vector<std::vector<double>> seconds(static_cast<size_t>(ranks), last);
  STRATA_RETURN_IF_ERROR(RunRanks(*run.world, [&](Transport& transport) {
    const size_t rank = static_cast<size_t>(transport.rank());
    return RunCalls(transport, *run.clocks[rank], calls, tuning, &seconds[rank]);
  }));
  for (const std::vector<double>& of_rank : seconds) {
    for (size_t k = 0; k < last.size(); ++k) last[k] = std::max(last[k], of_rank[k]);
  }
  return last;
}

absl::StatusOr<chips::Timeline> SimulateTimeline(const Network& network, int ranks,
                                                 const SimulatedCall& call, const Tuning& tuning) {
  STRATA_RETURN_IF_ERROR(CheckCalls({call}, ranks, tuning));
  STRATA_ASSIGN_OR_RETURN(SimulatedRun run,
                          SimulateRun(network, ranks, {.carry_data = false, .record = true}));
  STRATA_RETURN_IF_ERROR(RunRanks(*run.world, [&](Transport& transport) -> absl::Status {
    if (ranks == 1) return absl::OkStatus();
    std::vector<double> seconds(1);
    return RunCalls(transport, *run.clocks[static_cast<size_t>(transport.rank())], {call}, tuning,
                    &seconds);
  }));
  return run.Timeline(absl::StrCat(call.algorithm->name, " ", VerbName(call.algorithm->verb), ", ",
                                   ranks, " ranks"));
}

CallShape ShapeOf(const SimulatedCall& call, int ranks, const Tuning& tuning) {
  int64_t count = call.count;
  if (call.algorithm->verb == Verb::kAllToAllV) count *= int64_t{ranks} * (ranks - 1);
  return {ranks, count, kElementBytes, tuning};
}

}  // namespace strata::distributed
