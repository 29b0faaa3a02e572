#include "distributed/launch/launch.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "distributed/launch/roster.h"
#include "distributed/launch/signal_catcher.h"

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;
using Stream = ProcessGroup::Stream;

constexpr std::chrono::milliseconds kAskAgain(1000);
constexpr std::chrono::milliseconds kEndGrace(1000);  // of a discovery that is asked to end

// What discovery prints. What the command has started and left behind ends with it.
absl::StatusOr<int> Discover(const LaunchOptions& options) {
  const std::string& command = options.discovery;
  std::string printed;
  RankProcess process;
  process.argv = {"/bin/sh", "-c", command};
  STRATA_ASSIGN_OR_RETURN(const auto group,
                          ProcessGroup::Start({process}, [&](int, Stream stream, auto line) {
                            if (stream == Stream::kOutput) absl::StrAppend(&printed, line, "\n");
                          }));
  const std::vector<RankExit> exits = group->Wait(options.discovery_patience);
  if (exits.empty()) {
    group->Stop(kEndGrace);
    return absl::DeadlineExceededError(absl::StrCat(
        "--discovery: '", command, "' took more than ",
        static_cast<double>(options.discovery_patience.count()) / 1000,
        " s and was ended; it must print at once how many ranks this machine has room for"));
  }
  int ranks = 0;
  if (!exits[0].failed() && absl::SimpleAtoi(printed, &ranks) && ranks >= 0) return ranks;
  return absl::InvalidArgumentError(
      absl::StrCat("--discovery: '", command, "' exited with ", exits[0].shell_code(),
                   " and printed '", absl::StripAsciiWhitespace(printed),
                   "'; it must print how many ranks this machine has room for"));
}

class Launcher {
 public:
  Launcher(const LaunchOptions& options, const LaunchPrinter& print)
      : options_(options),
        print_(print),
        least_(options.min_ranks == 0 ? options.ranks : options.min_ranks),
        most_(options.max_ranks == 0 ? options.ranks : options.max_ranks),
        run_id_(
            options.nodes > 1
                ? absl::StrCat("strata-", options.master_address, "-", options.master_port)
                : absl::StrCat("strata-", getpid(), "-", Clock::now().time_since_epoch().count())),
        roster_(FixedRoster(
            options.nodes, options.node_rank,
            options.master_address.empty() ? "127.0.0.1" : options.master_address,
            options.nodes > 1 && options.master_port == 0 ? 29500 : options.master_port)) {}

  absl::StatusOr<LaunchResult> Run() {
    STRATA_ASSIGN_OR_RETURN(int ranks, Room(options_.ranks));
    int restarts = options_.max_restarts;
    for (int number = 0;; ++number) {
      STRATA_ASSIGN_OR_RETURN(const Generation generation, roster_->Next(number, ranks));
      STRATA_RETURN_IF_ERROR(RunGeneration(generation));
      const GenerationReport& report = result_.generations.back();
      if (result_.interrupted != 0 || (!report.failed && !report.resized)) break;
      if (report.failed && restarts-- == 0) break;
      // Whose place failed is left out, when the run may be smaller and nobody else says how large it is.
      const int wanted = report.failed ? std::max(least_, ranks - 1) : ranks;
      STRATA_ASSIGN_OR_RETURN(ranks, Room(wanted));
      Say(absl::StrCat("generation ", number + 1, " starts with ", ranks, " ranks",
                       report.failed ? absl::StrCat(", restarts left: ", restarts) : ""));
    }
    const GenerationReport& last = result_.generations.back();
    result_.exit_code = result_.interrupted != 0 ? 128 + result_.interrupted
                        : last.failed            ? last.first.shell_code()
                                                 : 0;
    return result_;
  }

 private:
  void Say(const std::string& line) { print_(Stream::kError, absl::StrCat("launch: ", line)); }

  // How many ranks the next generation has; `wanted` unless discovery says otherwise.
  absl::StatusOr<int> Room(int wanted) {
    if (options_.discovery.empty()) return wanted;
    STRATA_ASSIGN_OR_RETURN(const int found, Discover(options_));
    if (found >= least_) return std::min(found, most_);
    return absl::UnavailableError(absl::StrCat("--discovery found room for ", found,
                                               " ranks, but the run needs ", least_,
                                               "; make room, or lower --min-ranks"));
  }

  std::vector<RankProcess> Processes(const Generation& g) const {
    std::vector<RankProcess> processes;
    for (int local = 0; local < g.ranks; ++local) {
      RankProcess process;
      process.rank = g.first_rank + local;
      process.argv = options_.command;
      process.environment = {{"RANK", absl::StrCat(process.rank)},
                             {"WORLD_SIZE", absl::StrCat(g.world_size)},
                             {"LOCAL_RANK", absl::StrCat(local)},
                             {"LOCAL_WORLD_SIZE", absl::StrCat(g.ranks)},
                             {"GROUP_RANK", absl::StrCat(g.node_rank)},
                             {"MASTER_ADDR", g.master_address},
                             {"MASTER_PORT", absl::StrCat(g.master_port)},
                             {"STRATA_TRANSPORT", options_.transport},
                             {"STRATA_GENERATION", absl::StrCat(g.number)},
                             {"TORCHELASTIC_RUN_ID", run_id_}};
      if (options_.timeout_seconds > 0)
        process.environment.emplace_back("STRATA_TIMEOUT", absl::StrCat(options_.timeout_seconds));
      processes.push_back(std::move(process));
    }
    return processes;
  }

  void PassLine(int rank, Stream stream, absl::string_view line) {
    using Output = LaunchOptions::Output;
    if (options_.output == Output::kNone || (options_.output == Output::kFirst && rank != 0))
      return;
    print_(stream, options_.prefix ? absl::StrCat("[", rank, "] ", line) : std::string(line));
  }

  absl::Status RunGeneration(const Generation& generation) {
    result_.generations.push_back({});
    GenerationReport& report = result_.generations.back();
    report.ranks = generation.world_size;
    STRATA_ASSIGN_OR_RETURN(const auto group, ProcessGroup::Start(Processes(generation),
                                                                  [this](int rank, Stream stream,
                                                                         absl::string_view line) {
                                                                    PassLine(rank, stream, line);
                                                                  }));
    Clock::time_point ask = Clock::now() + kAskAgain;
    while (group->running() > 0) {
      const std::vector<RankExit> exits = group->Wait(kAskAgain, signals_.fd());
      if (const int signal = signals_.Take()) return Interrupt(signal, *group);
      if (const auto failed = group->FirstFailure(exits)) {
        Fail(*failed, *group, &report);
        return absl::OkStatus();
      }
      if (options_.discovery.empty() || Clock::now() < ask || group->running() == 0) continue;
      ask = Clock::now() + kAskAgain;
      STRATA_ASSIGN_OR_RETURN(const int room, Room(0));
      if (room == generation.ranks) continue;
      Say(absl::StrCat("there is room for ", room, " ranks now, ", generation.ranks, " run"));
      report.resized = true;
      group->Stop(options_.grace);
    }
    return absl::OkStatus();
  }

  void Fail(const RankExit& first, ProcessGroup& group, GenerationReport* report) {
    report->failed = true;
    report->first = first;
    report->others = group.running();
    Say(absl::StrCat(
        Describe(first), " in generation ", result_.generations.size() - 1,
        report->others > 0 ? absl::StrCat("; ending the other ", report->others) : ""));
    for (const std::string& line : first.last_lines)
      Say(absl::StrCat("  [", first.rank, "] ", line));
    group.Stop(options_.grace);
  }

  // Passes the signal on; who has not ended after the grace time, or at a second signal, is killed.
  absl::Status Interrupt(int signal, ProcessGroup& group) {
    result_.interrupted = signal;
    Say(absl::StrCat("signal ", signal, ": ending ", group.running(), " ranks"));
    group.Signal(signal);
    const Clock::time_point deadline = Clock::now() + options_.grace;
    while (group.running() > 0 && Clock::now() < deadline && signals_.Take() == 0)
      group.Wait(std::chrono::duration_cast<ProcessGroup::Duration>(deadline - Clock::now()),
                 signals_.fd());
    group.Stop(ProcessGroup::Duration(0));
    return absl::OkStatus();
  }

  const LaunchOptions& options_;
  const LaunchPrinter& print_;
  const int least_, most_;
  const std::string run_id_;  // the same on all machines
  const std::unique_ptr<Roster> roster_;
  SignalCatcher signals_;
  LaunchResult result_;
};

}  // namespace

void PrintLine(Stream stream, absl::string_view line) {
  std::FILE* to = stream == Stream::kOutput ? stdout : stderr;
  const std::string whole = absl::StrCat(line, "\n");
  std::fwrite(whole.data(), 1, whole.size(), to);
  std::fflush(to);
}

absl::StatusOr<LaunchResult> Launch(const LaunchOptions& options, const LaunchPrinter& print) {
  STRATA_RETURN_IF_ERROR(ValidateLaunchOptions(options));
  return Launcher(options, print).Run();
}

}  // namespace strata::distributed
