// Benchmark: collectives of this library, in turn with Open MPI's.
//
//   bazel run -c opt //distributed/bench:collectives -- --ranks=2
//   bazel run -c opt //distributed/bench:collectives -- --ranks=2 --json           # the last line: ratio_to_mpi
//   bazel run -c opt //distributed/bench:collectives -- --op=all_gather --transport=shm --algorithm=ring --dtype=f64
//
// Ours run between threads (or processes that share memory or talk over sockets), MPI's between processes that this
// program starts under mpirun; of the two only one is awake at a time. Where there are cores for all ranks, each side has
// one core a rank (mpirun's default). Numbers are the least of the rounds.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "distributed/bench/mpi_peer.h"
#include "distributed/bench/rank_bench.h"
#include "distributed/bench/start_ranks.h"
#include "distributed/collective/algorithm_table.h"
#include "distributed/transport/shm_transport.h"
#include "distributed/transport/tcp_transport.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {
namespace {

constexpr char kPeerFlag[] = "--mpi-peer";

struct Flags {
  std::string op = "all_reduce", transport = "thread", algorithm = "auto", dtype = "f32";
  int ranks = 2, rounds = 9;
  int64_t least = 1 << 10, most = 64 << 20;
  bool json = false, without_mpi = false, fresh = false;
  std::string peer_folder;
};

void PrintJson(const BenchRow& row) {
  std::printf("{\"bytes\": %lld, \"ours_seconds\": %.9f, ", static_cast<long long>(row.bytes),
              row.ours_seconds);
  if (row.mpi_seconds > 0) {
    std::printf("\"mpi_seconds\": %.9f, \"ratio\": %.4f, ", row.mpi_seconds, row.ratio());
  } else {
    std::printf("\"mpi_seconds\": null, \"ratio\": null, ");
  }
  std::printf(
      "\"bus_bytes_per_second\": %.0f, \"memory_bound_fraction\": %.4f, \"algorithm\": \"%s\"}\n",
      row.bus_bandwidth, row.memory_fraction, row.algorithm.c_str());
}

void PrintRow(const BenchRow& row) {
  char mpi[32] = "-", ratio[32] = "-";
  if (row.mpi_seconds > 0) {
    std::snprintf(mpi, sizeof(mpi), "%.1f", 1e6 * row.mpi_seconds);
    std::snprintf(ratio, sizeof(ratio), "%.2f", row.ratio());
  }
  std::printf("%12lld %12.1f %12s %8s %10.2f %9.0f%%  %s\n", static_cast<long long>(row.bytes),
              1e6 * row.ours_seconds, mpi, ratio, 1e-9 * row.bus_bandwidth,
              100 * row.memory_fraction, row.algorithm.c_str());
}

void PrintSummary(const std::vector<BenchRow>& rows, const Flags& flags) {
  double log_sum = 0;
  int compared = 0;
  for (const BenchRow& row : rows) {
    if (row.mpi_seconds <= 0) continue;
    log_sum += std::log(row.ratio());
    ++compared;
  }
  const double ratio = compared > 0 ? std::exp(log_sum / compared) : 0;
  if (!flags.json) {
    if (compared > 0) std::printf("\ntimes as fast as Open MPI, geometric mean: %.2f\n", ratio);
    return;
  }
  std::printf("{\"op\": \"%s\", \"transport\": \"%s\", \"ranks\": %d, \"dtype\": \"%s\", ",
              flags.op.c_str(), flags.transport.c_str(), flags.ranks, flags.dtype.c_str());
  if (compared > 0) std::printf("\"ratio_to_mpi\": %.4f}\n", ratio);
  if (compared == 0) std::printf("\"ratio_to_mpi\": null}\n");
}

absl::StatusOr<BenchOptions> OptionsOf(const Flags& flags) {
  BenchOptions options;
  STRATA_ASSIGN_OR_RETURN(options.verb, ParseVerb(flags.op));
  STRATA_ASSIGN_OR_RETURN(options.dtype, chips::ParseDType(flags.dtype));
  options.algorithm = flags.algorithm;
  options.least_bytes = flags.least;
  options.most_bytes = flags.most;
  options.rounds = flags.rounds;
  options.fresh = flags.fresh;
  const std::vector<std::string> names = AlgorithmNames();
  if (flags.algorithm != "auto" && flags.algorithm != "measured" &&
      std::find(names.begin(), names.end(), flags.algorithm) == names.end()) {
    return absl::InvalidArgumentError(absl::StrCat("--algorithm: there is no '", flags.algorithm,
                                                   "'; there is: auto, measured, ",
                                                   absl::StrJoin(names, ", ")));
  }
  if (flags.least < 1 || flags.most < flags.least)
    return absl::InvalidArgumentError(
        "--min and --max: give sizes of at least 1 byte, in this order");
  return options;
}

absl::Status Run(const Flags& flags) {
  RegisterThreadTransport();
  RegisterShmTransport();
  RegisterTcpTransport();
  STRATA_ASSIGN_OR_RETURN(const BenchOptions options, OptionsOf(flags));
  std::vector<BenchRow> rows;
  const auto report = [&](const BenchRow& row) {
    rows.push_back(row);
    flags.json ? PrintJson(row) : PrintRow(row);
    std::fflush(stdout);
  };
  // Rank 0 starts MPI's side itself, when the other ranks' processes are there: a fork must come first.
  const auto body = [&](Transport& transport) -> absl::Status {
    std::unique_ptr<MpiPeer> peer;
    if (transport.rank() == 0 && !flags.without_mpi && MpiHas(flags.op, options.dtype)) {
      absl::StatusOr<std::unique_ptr<MpiPeer>> started = MpiPeer::Start(flags.ranks, kPeerFlag);
      if (started.ok()) peer = *std::move(started);
      if (!started.ok())
        std::fprintf(stderr, "without MPI: %s\n", started.status().ToString().c_str());
    }
    if (transport.rank() == 0 && !flags.json) {
      std::printf("%s of %s, %d ranks over %s\n%12s %12s %12s %8s %10s %10s  %s\n",
                  flags.op.c_str(), flags.dtype.c_str(), flags.ranks, flags.transport.c_str(),
                  "bytes", "ours us", "MPI us", "ratio", "bus GB/s", "of memory", "algorithm");
    }
    KeepToOneCore(transport.rank(), transport.size());
    return RunRankBench(transport, options, peer.get(), report);
  };
  STRATA_RETURN_IF_ERROR(StartRanks(flags.transport, flags.ranks, body));
  PrintSummary(rows, flags);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::distributed

int main(int argc, char** argv) {
  using namespace strata::distributed;
  Flags flags;
  CLI::App app("Collectives of this library, in turn with Open MPI's.");
  app.add_option("--op", flags.op,
                 "all_reduce, reduce_scatter, all_gather, broadcast, reduce, scatter, "
                 "gather, all_to_all or all_to_all_v")
      ->capture_default_str();
  app.add_option("--ranks", flags.ranks)->check(CLI::Range(2, 1024))->capture_default_str();
  app.add_option("--transport", flags.transport)
      ->check(CLI::IsMember({"thread", "shm", "tcp"}))
      ->capture_default_str();
  app.add_option("--algorithm", flags.algorithm,
                 "auto, measured, or one of: " + absl::StrJoin(AlgorithmNames(), ", "))
      ->capture_default_str();
  app.add_option("--dtype", flags.dtype, "f32, f64, bf16, f16, i8, u8, i32 or i64")
      ->capture_default_str();
  app.add_option("--min", flags.least, "bytes of a rank's larger operand; from there times 4")
      ->capture_default_str();
  app.add_option("--max", flags.most)->capture_default_str();
  app.add_option("--repeat", flags.rounds, "rounds, of which the least counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_flag("--json", flags.json, "one object a size; the last one has ratio_to_mpi");
  app.add_flag(
      "--fresh", flags.fresh,
      "every rank writes its operand before each call, as training does; the times have both");
  app.add_flag("--without-mpi", flags.without_mpi, "ours only");
  app.add_option(kPeerFlag, flags.peer_folder, "(what mpirun starts)")->group("");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status =
      flags.peer_folder.empty() ? Run(flags) : RunMpiPeer(flags.peer_folder);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return strata::ExitCode(status);
}
