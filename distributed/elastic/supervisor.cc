#include "distributed/elastic/supervisor.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/transport/free_port.h"

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;

// Who has posted nothing for too long. Ranks in a collective wait for others: as long as one is outside of a collective
// they are not blamed before it is silent too, but at the latest after twice the limit.
class SilenceWatch {
 public:
  SilenceWatch(Board& board, int ranks, std::chrono::milliseconds limit)
      : board_(board), limit_(limit), seen_(static_cast<size_t>(ranks)) {
    for (auto& [beats, when] : seen_) when = Clock::now();
  }

  int SilentRank() {  // -1: none
    if (limit_.count() == 0) return -1;
    int waiting = -1;  // silent in a collective
    bool all_wait = true;
    for (size_t r = 0; r < seen_.size(); ++r) {
      const int rank = static_cast<int>(r);
      auto& [beats, when] = seen_[r];
      if (const uint64_t now = board_.slot(rank).beats(); now != beats) {
        beats = now;
        when = Clock::now();
      }
      const Phase phase = board_.slot(rank).phase();
      if (phase == Phase::kDone) continue;
      all_wait = all_wait && phase == Phase::kCollective;
      const Clock::duration silence = Clock::now() - when;
      if (silence < limit_) continue;
      if (phase != Phase::kCollective || silence >= 2 * limit_) return rank;
      if (waiting < 0) waiting = rank;
    }
    return all_wait ? waiting : -1;
  }

 private:
  Board& board_;
  const std::chrono::milliseconds limit_;
  std::vector<std::pair<uint64_t, Clock::time_point>> seen_;
};

class Supervisor {
 public:
  Supervisor(const SupervisorOptions& options, const RankMain& rank_main, Board& board)
      : options_(options), rank_main_(rank_main), board_(board) {}

  absl::StatusOr<std::vector<GenerationOutcome>> Run() {
    int ranks = options_.ranks, restarts = options_.max_restarts;
    while (true) {
      GenerationOutcome outcome;
      outcome.ranks = ranks;
      STRATA_RETURN_IF_ERROR(RunGeneration(&outcome));
      outcomes_.push_back(outcome);
      if (!outcome.failed && !outcome.resized) return outcomes_;
      if (outcome.failed && restarts-- == 0) {
        return absl::ResourceExhaustedError(
            absl::StrCat("generation ", outcomes_.size() - 1,
                         " failed and no restart is left: ", Describe(outcome)));
      }
      ranks = Room(ranks, static_cast<int>(outcomes_.size()) - 1);
    }
  }

 private:
  int Room(int ranks, int generation) {
    if (!options_.room) return ranks;
    return std::clamp(options_.room(generation, board_), 1, board_.size());
  }

  absl::StatusOr<std::vector<RankProcess>> Processes(int ranks) {
    STRATA_ASSIGN_OR_RETURN(const int port, FreePort());
    std::vector<RankProcess> processes;
    for (int rank = 0; rank < ranks; ++rank) {
      RankProcess process;
      process.rank = rank;
      process.environment = {{"RANK", absl::StrCat(rank)},
                             {"WORLD_SIZE", absl::StrCat(ranks)},
                             {"LOCAL_RANK", absl::StrCat(rank)},
                             {"LOCAL_WORLD_SIZE", absl::StrCat(ranks)},
                             {"MASTER_ADDR", "127.0.0.1"},
                             {"MASTER_PORT", absl::StrCat(port)},
                             {"TORCHELASTIC_RUN_ID", run_id_},
                             {"STRATA_TRANSPORT", options_.transport},
                             {"STRATA_GENERATION", absl::StrCat(outcomes_.size())}};
      const Seat seat = {static_cast<int>(outcomes_.size()), rank, ranks, &board_.slot(rank)};
      process.body = [this, seat] {
        const absl::Status status = rank_main_(seat);
        if (!status.ok() && seat.slot->reason().empty())
          seat.slot->PostReason(std::string(status.message()), -1);
        return ExitCode(status);
      };
      processes.push_back(std::move(process));
    }
    return processes;
  }

  absl::Status RunGeneration(GenerationOutcome* outcome) {
    const auto start = Clock::now();
    board_.Clear();
    const int generation = static_cast<int>(outcomes_.size());
    STRATA_ASSIGN_OR_RETURN(const auto processes, Processes(outcome->ranks));
    STRATA_ASSIGN_OR_RETURN(const auto group, ProcessGroup::Start(processes, nullptr));
    SilenceWatch silence(board_, outcome->ranks, options_.silence);
    while (group->running() > 0) {
      const std::vector<RankExit> exits = group->Wait(options_.poll);
      if (const auto first = group->FirstFailure(exits)) {
        Fail(*first, *group, outcome);
      } else if (Room(outcome->ranks, generation) != outcome->ranks && group->running() > 0) {
        outcome->resized = true;
        group->Stop(options_.grace);
      } else if (const int rank = silence.SilentRank(); rank >= 0) {
        outcome->silent = true;
        group->SignalRank(rank, SIGKILL);
      } else if (options_.inject) {
        options_.inject(generation, *group, board_);
      }
    }
    outcome->seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return absl::OkStatus();
  }

  void Fail(const RankExit& first, ProcessGroup& group, GenerationOutcome* outcome) {
    outcome->failed = true;
    outcome->first = first;
    outcome->phase = board_.slot(first.rank).phase();
    outcome->step = board_.slot(first.rank).step();
    group.Stop(options_.grace);
    outcome->reason = board_.slot(first.rank).reason();
    for (int rank = 0; rank < outcome->ranks; ++rank) {
      Board::Slot& slot = board_.slot(rank);
      if (outcome->reason.empty()) outcome->reason = slot.reason();
      if (!slot.reason().empty() && slot.culprit() >= 0) outcome->culprit = slot.culprit();
    }
  }

  const SupervisorOptions& options_;
  const RankMain& rank_main_;
  Board& board_;
  const std::string run_id_ =
      absl::StrCat("elastic-", getpid(), "-", Clock::now().time_since_epoch().count());
  std::vector<GenerationOutcome> outcomes_;
};

}  // namespace

std::string Describe(const GenerationOutcome& outcome) {
  if (!outcome.failed) return outcome.resized ? "ended for another number of ranks" : "ended well";
  return absl::StrCat(Describe(outcome.first), outcome.silent ? ", being silent," : "",
                      " in phase ", PhaseName(outcome.phase), " of step ", outcome.step,
                      outcome.reason.empty() ? "" : absl::StrCat(": ", outcome.reason));
}

absl::StatusOr<std::vector<GenerationOutcome>> Supervise(const SupervisorOptions& options,
                                                         const RankMain& rank_main) {
  if (options.ranks < 1)
    return absl::InvalidArgumentError(
        absl::StrCat("ranks: is ", options.ranks, ", but must be 1 or more"));
  if (options.max_restarts < 0)
    return absl::InvalidArgumentError(
        absl::StrCat("max_restarts: is ", options.max_restarts, ", but must be 0 or more"));
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Board> board,
                          Board::Create(std::max(options.ranks, options.max_ranks)));
  return Supervisor(options, rank_main, *board).Run();
}

}  // namespace strata::distributed
