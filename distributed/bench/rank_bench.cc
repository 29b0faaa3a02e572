#include "distributed/bench/rank_bench.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "distributed/bench/bench_buffer.h"
#include "distributed/collective/algorithm_collectives.h"

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double kBatchSeconds = 2e-3;  // of calls between two looks at the clock
constexpr int64_t kMostCalls = 1000;

double Least(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

bool HasBlocks(Verb verb) {
  return verb != Verb::kAllReduce && verb != Verb::kBroadcast && verb != Verb::kReduce;
}

// Of all ranks together: what is read once and written once, in units of a rank's larger operand.
double LeastMemory(Verb verb, double n) {
  switch (verb) {
    case Verb::kAllReduce:
      return 2 * n;
    case Verb::kReduceScatter:
    case Verb::kAllGather:
      return n + 1;
    case Verb::kBroadcast:
      return n;
    case Verb::kReduce:
      return n + 1;
    case Verb::kScatter:
    case Verb::kGather:
      return 2;
    default:
      return 2 * n;
  }
}

// Of a rank's larger operand, what one rank must send or receive.
double LeastOnLinks(Verb verb, double n) {
  if (verb == Verb::kAllReduce) return 2 * (n - 1) / n;
  return verb == Verb::kBroadcast || verb == Verb::kReduce ? 1 : (n - 1) / n;
}

class RankBench {
 public:
  RankBench(Transport& transport, const BenchOptions& options, MpiPeer* peer,
            AlgorithmCollectives& collectives)
      : transport_(transport),
        options_(options),
        peer_(peer),
        collectives_(collectives),
        in_(static_cast<size_t>(options.most_bytes)),
        out_(static_cast<size_t>(options.most_bytes)) {}

  absl::StatusOr<BenchRow> Measure(int64_t bytes) {
    const int64_t element = static_cast<int64_t>(chips::SizeOf(options_.dtype));
    const int n = transport_.size();
    const int64_t count = bytes / element / (HasBlocks(options_.verb) ? n : 1);
    STRATA_ASSIGN_OR_RETURN(const int calls, CallsInABatch(count));
    std::vector<double> ours, mpi, memory;
    for (int round = 0; round < options_.rounds; ++round) {
      STRATA_ASSIGN_OR_RETURN(const double moved, Batch(calls, [&] { return Touch(bytes); }));
      STRATA_ASSIGN_OR_RETURN(const double here, Batch(calls, [&]() -> absl::Status {
                                if (options_.fresh) STRATA_RETURN_IF_ERROR(Touch(bytes));
                                return Call(count);
                              }));
      ours.push_back(here);
      memory.push_back(moved);
      if (peer_ == nullptr) continue;
      STRATA_ASSIGN_OR_RETURN(const double theirs,
                              peer_->Seconds({std::string(VerbName(options_.verb)), options_.dtype,
                                              count, calls, options_.fresh}));
      mpi.push_back(theirs);
    }
    BenchRow row;
    row.bytes = bytes;
    row.ours_seconds = Least(ours);
    row.mpi_seconds = mpi.empty() ? 0 : Least(mpi);
    row.bus_bandwidth =
        LeastOnLinks(options_.verb, n) * static_cast<double>(bytes) / row.ours_seconds;
    row.memory_fraction =
        LeastMemory(options_.verb, n) / (2 * n) * Least(memory) / row.ours_seconds;
    row.algorithm = std::string(collectives_.Chosen(options_.verb, count, options_.dtype).name);
    return row;
  }

 private:
  absl::Status Call(int64_t count) {
    const compiler::Reduction sum = compiler::Reduction::kSum;
    char *in = in_.data(), *out = out_.data();
    switch (options_.verb) {
      case Verb::kAllReduce:
        return collectives_.AllReduce(out, count, options_.dtype, sum);
      case Verb::kReduceScatter:
        return collectives_.ReduceScatter(in, out, count, options_.dtype, sum);
      case Verb::kAllGather:
        return collectives_.AllGather(in, out, count, options_.dtype);
      case Verb::kBroadcast:
        return collectives_.Broadcast(out, count, options_.dtype, 0);
      case Verb::kReduce:
        return collectives_.Reduce(out, count, options_.dtype, sum, 0);
      case Verb::kScatter:
        return collectives_.Scatter(in, out, count, options_.dtype, 0);
      case Verb::kGather:
        return collectives_.Gather(in, out, count, options_.dtype, 0);
      case Verb::kAllToAll:
        return collectives_.AllToAll(in, out, count, options_.dtype);
      case Verb::kAllToAllV: {
        const std::vector<int64_t> counts(static_cast<size_t>(transport_.size()), count);
        return collectives_.AllToAllV(in, counts, out, counts, options_.dtype);
      }
    }
    return absl::InternalError("a verb that is none");
  }

  absl::Status Touch(int64_t bytes) {
    WriteOver(HasBlocks(options_.verb) ? in_.data() : out_.data(), bytes);
    return absl::OkStatus();
  }

  // Seconds of one of `calls`, from when all ranks are ready to when all have done. A first one is not measured.
  template <typename Body>
  absl::StatusOr<double> Batch(int calls, Body body) {
    STRATA_RETURN_IF_ERROR(body());
    STRATA_RETURN_IF_ERROR(transport_.Barrier());
    const auto start = Clock::now();
    for (int i = 0; i < calls; ++i) STRATA_RETURN_IF_ERROR(body());
    STRATA_RETURN_IF_ERROR(transport_.Barrier());
    return std::chrono::duration<double>(Clock::now() - start).count() / calls;
  }

  // Rank 0's clock decides for all.
  absl::StatusOr<int> CallsInABatch(int64_t count) {
    STRATA_ASSIGN_OR_RETURN(const double seconds, Batch(3, [&] { return Call(count); }));
    int64_t calls =
        std::clamp<int64_t>(static_cast<int64_t>(kBatchSeconds / seconds), 1, kMostCalls);
    STRATA_RETURN_IF_ERROR(collectives_.Broadcast(&calls, 1, chips::I64, 0));
    return static_cast<int>(calls);
  }

  Transport& transport_;
  const BenchOptions& options_;
  MpiPeer* peer_;
  AlgorithmCollectives& collectives_;
  BenchBuffer in_, out_;
};

}  // namespace

absl::Status RunRankBench(Transport& transport, const BenchOptions& options, MpiPeer* peer,
                          const std::function<void(const BenchRow&)>& report) {
  STRATA_ASSIGN_OR_RETURN(const auto collectives,
                          AlgorithmCollectives::Create(transport, options.algorithm));
  RankBench bench(transport, options, peer, *collectives);
  for (int64_t bytes = options.least_bytes; bytes <= options.most_bytes; bytes *= 4) {
    STRATA_ASSIGN_OR_RETURN(const BenchRow row, bench.Measure(bytes));
    if (transport.rank() == 0) report(row);
  }
  return absl::OkStatus();
}

}  // namespace strata::distributed
