// What checkpoints cost: the stall of a save against copying the same bytes, the write behind it, the load on another
// number of ranks. Ranks are threads.
//
//   bazel run -c opt //distributed/checkpoint:save_cost -- --mib=512 --ranks=2 --folder=/tmp/save_cost
//
// Each round makes a copy, a save and a load in turn; the medians and minima over rounds are shown. The state is as that of
// an optimizer: each tensor is cut over the ranks (or with --replicated held whole by all).
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/status.h"
#include "distributed/checkpoint/checkpointer.h"
#include "distributed/checkpoint/stored_checkpoint.h"
#include "distributed/collective/reference.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;
using Clock = std::chrono::steady_clock;

struct Flags {
  int64_t mib = 256;
  int tensors = 100;
  int ranks = 2, load_ranks = 3;
  int rounds = 5;
  double changed = 1;
  bool replicated = false, json = false;
  std::string folder;
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Seconds by what they were spent on, one a round.
using Seconds = std::map<std::string, std::vector<double>>;

int64_t RowsOf(const Flags& flags) { return (flags.mib << 20) / flags.tensors / 4096; }

// Rows of 4 KiB, of all tensors together `mib` (rounded down).
std::vector<ShardedTensor> StateOf(const Flags& flags, int rank, int ranks, bool replicated) {
  const int64_t rows = RowsOf(flags);
  const int64_t begin = replicated ? 0 : rows * rank / ranks;
  const int64_t end = replicated ? rows : rows * (rank + 1) / ranks;
  std::vector<ShardedTensor> state;
  for (int t = 0; t < flags.tensors; ++t) {
    state.push_back({absl::StrCat("h.", t, ".weight"),
                     {rows, 1024},
                     {begin, 0},
                     HostTensor::Zeros(chips::F32, {end - begin, 1024})});
  }
  return state;
}

// Other bytes in the first part of the tensors.
void Change(const Flags& flags, int round, std::vector<ShardedTensor>& state) {
  const size_t count = static_cast<size_t>(flags.changed * static_cast<double>(state.size()));
  for (size_t t = 0; t < count; ++t) {
    std::fill_n(state[t].local.data<float>(), state[t].local.elements(),
                static_cast<float>(round) + 1.5f);
  }
}

absl::Status SaveRound(const Flags& flags, int round, Checkpointer& saver,
                       compiler::Collectives& ranks, std::vector<ShardedTensor>& state,
                       std::vector<ShardedTensor>& copy, Seconds& seconds, int64_t& written) {
  Change(flags, round, state);
  STRATA_RETURN_IF_ERROR(ranks.Barrier());
  const auto start = Clock::now();
  for (size_t t = 0; t < state.size(); ++t) {
    std::memcpy(copy[t].local.raw(), state[t].local.raw(), state[t].local.size_bytes());
  }
  STRATA_RETURN_IF_ERROR(ranks.Barrier());
  const double copied = SecondsSince(start);
  STRATA_RETURN_IF_ERROR(saver.Save(round, state));
  STRATA_RETURN_IF_ERROR(saver.Wait());
  const SaveReport& report = saver.last_report();
  if (ranks.rank() != 0 || round == 0) return absl::OkStatus();  // the first makes the buffers
  seconds["copy"].push_back(copied);
  seconds["stall"].push_back(report.stall_seconds);
  seconds["write"].push_back(report.write_seconds);
  seconds["commit"].push_back(report.wait_seconds);
  written = static_cast<int64_t>(report.bytes_written);
  return absl::OkStatus();
}

absl::Status MeasureSaves(const Flags& flags, Seconds& seconds, int64_t& written) {
  return RunThreadRanks(flags.ranks, [&](Transport& transport) -> absl::Status {
    ReferenceCollectives ranks(transport);
    Checkpointer::Options options;
    options.root = flags.folder;
    options.keep = 1;
    STRATA_ASSIGN_OR_RETURN(const auto saver, Checkpointer::Open(options, ranks));
    auto state = StateOf(flags, ranks.rank(), ranks.size(), flags.replicated);
    auto copy = StateOf(flags, ranks.rank(), ranks.size(), flags.replicated);
    for (int round = 0; round <= flags.rounds; ++round) {
      STRATA_RETURN_IF_ERROR(SaveRound(flags, round, *saver, ranks, state, copy, seconds, written));
    }
    return absl::OkStatus();
  });
}

absl::Status MeasureLoads(const Flags& flags, Seconds& seconds) {
  return RunThreadRanks(flags.load_ranks, [&](Transport& transport) -> absl::Status {
    ReferenceCollectives ranks(transport);
    auto state = StateOf(flags, ranks.rank(), ranks.size(), false);
    for (int round = 0; round < flags.rounds; ++round) {
      STRATA_RETURN_IF_ERROR(ranks.Barrier());
      const auto start = Clock::now();
      STRATA_ASSIGN_OR_RETURN(const GoodCheckpoint good, LatestGood(flags.folder, ranks));
      const double verified = SecondsSince(start);
      STRATA_ASSIGN_OR_RETURN(const auto stored, StoredCheckpoint::Open(good.folder));
      STRATA_RETURN_IF_ERROR(stored.Load(absl::MakeSpan(state)));
      STRATA_RETURN_IF_ERROR(ranks.Barrier());
      if (ranks.rank() != 0) continue;
      seconds["verify"].push_back(verified);
      seconds["load"].push_back(SecondsSince(start) - verified);
    }
    return absl::OkStatus();
  });
}

void Show(const Flags& flags, const Seconds& seconds, int64_t written) {
  const double mib = static_cast<double>(RowsOf(flags) * flags.tensors) / 256;
  const double mib_written = static_cast<double>(written) / (1 << 20);
  std::string line = absl::StrCat("{\"mib\": ", mib, ", \"ranks\": ", flags.ranks,
                                  ", \"load_ranks\": ", flags.load_ranks,
                                  ", \"mib_written_by_rank_0\": ", mib_written);
  std::string table = absl::StrFormat(
      "%.0f MiB in %d tensors, saved by %d ranks, loaded by %d; rank 0 wrote %.0f MiB\n", mib,
      flags.tensors, flags.ranks, flags.load_ranks, mib_written);
  for (const char* what : {"copy", "stall", "write", "commit", "verify", "load"}) {
    std::vector<double> sorted = seconds.at(what);
    std::sort(sorted.begin(), sorted.end());
    const double median = sorted[sorted.size() / 2];
    absl::StrAppend(&line, ", \"", what, "_ms\": ", 1e3 * median, ", \"", what,
                    "_min_ms\": ", 1e3 * sorted[0]);
    absl::StrAppendFormat(&table, "%-7s median %9.2f ms  min %9.2f ms  %8.0f MiB/s\n", what,
                          1e3 * median, 1e3 * sorted[0], mib / median);
  }
  std::printf("%s", flags.json ? absl::StrCat(line, "}\n").c_str() : table.c_str());
}

absl::Status Measure(const Flags& flags) {
  if (FileExists(flags.folder)) {
    return absl::InvalidArgumentError(absl::StrCat(flags.folder, ": is there already"));
  }
  Seconds seconds;
  int64_t written = 0;
  absl::Status status = MeasureSaves(flags, seconds, written);
  if (status.ok()) status = MeasureLoads(flags, seconds);
  std::error_code error;
  std::filesystem::remove_all(flags.folder, error);
  if (status.ok()) Show(flags, seconds, written);
  return status;
}

}  // namespace
}  // namespace strata::distributed

int main(int argc, char** argv) {
  strata::distributed::Flags flags;
  CLI::App app(
      "What checkpoints cost: stall, write and load, each beside a copy of the same bytes.");
  app.add_option("--mib", flags.mib, "of the whole state")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--tensors", flags.tensors)->check(CLI::Range(1, 100000))->capture_default_str();
  app.add_option("--ranks", flags.ranks, "that save")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--load_ranks", flags.load_ranks, "that load")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--rounds", flags.rounds)->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--changed", flags.changed, "part of the tensors that change between saves")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_flag("--replicated", flags.replicated, "every rank holds everything");
  app.add_option("--folder", flags.folder, "to save in; made and removed")->required();
  app.add_flag("--json", flags.json, "one object instead of a table");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::distributed::Measure(flags);
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
