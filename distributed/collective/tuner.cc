#include "distributed/collective/tuner.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "distributed/collective/algorithm_table.h"
#include "distributed/collective/binomial.h"
#include "distributed/collective/reduce.h"

namespace strata::distributed {
namespace {

constexpr int kMeasureTag = 2000;
constexpr int64_t kLargeBytes = 256 << 10;

// The least of some runs, as noise only adds.
template <typename Body>
absl::StatusOr<double> LeastSeconds(int runs, int calls, Body body) {
  using Clock = std::chrono::steady_clock;
  double least = 1e9;
  for (int run = 0; run < runs; ++run) {
    const auto start = Clock::now();
    for (int call = 0; call < calls; ++call) STRATA_RETURN_IF_ERROR(body());
    least = std::min(least, std::chrono::duration<double>(Clock::now() - start).count() / calls);
  }
  return least;
}

// What ranks 0 and 1 see of each other.
absl::StatusOr<LinkModel> MeasurePair(Transport& transport) {
  std::vector<char> out(kLargeBytes), in(kLargeBytes);
  const int peer = 1 - transport.rank();
  const auto exchange = [&](size_t bytes) {
    return transport.SendRecv({peer, kMeasureTag, out.data(), bytes},
                              {peer, kMeasureTag, in.data(), bytes});
  };
  STRATA_ASSIGN_OR_RETURN(const double small, LeastSeconds(8, 16, [&] { return exchange(8); }));
  STRATA_ASSIGN_OR_RETURN(const double large,
                          LeastSeconds(6, 2, [&] { return exchange(kLargeBytes); }));
  STRATA_ASSIGN_OR_RETURN(const double reduced, LeastSeconds(6, 2, [&] {
                            Combine(compiler::Reduction::kSum, chips::F32, out.data(), in.data(),
                                    in.data(), kLargeBytes / 4);
                            return absl::OkStatus();
                          }));
  LinkModel link;
  link.alpha_seconds = std::max(small, 1e-9);
  link.beta_seconds_per_byte = std::max(large - small, 1e-12) / kLargeBytes;
  link.gamma_seconds_per_byte = std::max(reduced, 1e-12) / kLargeBytes;
  return link;
}

}  // namespace

const Algorithm& PickAlgorithm(Verb verb, const CallShape& shape) {
  const Algorithm* best = nullptr;
  double least = 0;
  for (const Algorithm& row : AlgorithmTable()) {
    if (row.verb != verb || !row.takes(shape.ranks, shape.tuning)) continue;
    const double seconds = row.cost(shape).Seconds(shape.tuning.link);
    if (best != nullptr && seconds >= least) continue;
    best = &row;
    least = seconds;
  }
  return *best;  // the first row of a verb takes any number of ranks
}

LinkModel TypicalLink(absl::string_view transport) {
  if (transport == "thread") return {3.5e-7, 4e-10, 3e-11};
  if (transport == "shm") return {1e-6, 2e-10, 3e-11};
  if (transport == "mpi") return {2e-6, 2e-10, 3e-11};
  return {2e-5, 4e-10, 3e-11};  // sockets
}

absl::StatusOr<LinkModel> MeasureLink(Transport& transport) {
  LinkModel link = TypicalLink(transport.name());
  if (transport.size() == 1) return link;
  if (transport.rank() < 2) {
    STRATA_ASSIGN_OR_RETURN(link, MeasurePair(transport));
  }
  const Call call;
  const Tuning tuning;
  Workspace workspace;
  Wire wire(transport, kMeasureTag, call, tuning, workspace);
  STRATA_RETURN_IF_ERROR(
      Annotate(BinomialBroadcast(wire, {reinterpret_cast<char*>(&link), sizeof(link)}, /*root=*/0),
               "the link's measure"));
  return link;
}

}  // namespace strata::distributed
