#include "courses/distributed/failure_recovery/killed_runs.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "distributed/elastic/supervisor.h"
#include "distributed/elastic/tiny_processes.h"

namespace strata::courses {
namespace {

using distributed::Board;
using distributed::GenerationOutcome;
using distributed::LossRecord;
using distributed::ProcessGroup;

using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// Kills at the times of a Poisson process, and takes the time that each restart takes.
class Failures {
 public:
  Failures(double mtbf, int ranks, uint64_t seed)
      : random_(seed), wait_(1 / mtbf), ranks_(ranks), last_(Clock::now()), next_(wait_(random_)) {}

  void operator()(int generation, ProcessGroup& group, Board& board) {
    if (generation > trained_in_ && board.slot(0).step() > 0) {
      trained_in_ = generation;
      if (generation > 0) restarts_.push_back(Seconds(killed_, Clock::now()));
    }
    if (generation == killed_in_ || Seconds(last_, Clock::now()) < next_) return;
    group.SignalRank(static_cast<int>(random_() % static_cast<uint64_t>(ranks_)), SIGKILL);
    killed_in_ = generation;
    killed_ = last_ = Clock::now();
    next_ = wait_(random_);
  }

  double mean_restart() const {
    double sum = 0;
    for (double seconds : restarts_) sum += seconds;
    return restarts_.empty() ? std::numeric_limits<double>::quiet_NaN()
                             : sum / static_cast<double>(restarts_.size());
  }

 private:
  std::mt19937_64 random_;
  std::exponential_distribution<double> wait_;
  const int ranks_;
  Clock::time_point last_, killed_;
  double next_;
  int killed_in_ = -1, trained_in_ = -1;
  std::vector<double> restarts_;
};

struct Outcome {
  double wall = 0;
  std::vector<GenerationOutcome> generations;
  std::unique_ptr<LossRecord> record;
};

absl::StatusOr<Outcome> Train(const KilledRunsOptions& options, int64_t save_every,
                              std::function<void(int, ProcessGroup&, Board&)> inject) {
  const std::string root = JoinPath(options.scratch, absl::StrCat("every", save_every));
  std::filesystem::remove_all(root);
  Outcome outcome;
  STRATA_ASSIGN_OR_RETURN(outcome.record, LossRecord::Create(options.steps));
  distributed::TinyRun run;
  run.root = root;
  run.steps = options.steps;
  run.save_every = save_every;
  run.background = false;  // so that a save costs its whole time, as the formulas have it
  run.record = outcome.record.get();
  run.change_run = [&](const distributed::Seat&, distributed::ElasticRun& elastic) {
    auto last = std::make_shared<Clock::time_point>(Clock::now());
    elastic.on_step = [post = elastic.on_step, last, &options](int64_t step, double loss) {
      post(step, loss);
      const std::chrono::duration<double> length(options.step_seconds);
      std::this_thread::sleep_until(*last + std::chrono::duration_cast<Clock::duration>(length));
      *last = Clock::now();
    };
  };
  distributed::SupervisorOptions supervisor;
  supervisor.ranks = options.ranks;
  supervisor.transport = "tcp";
  supervisor.max_restarts = 1 << 20;
  supervisor.grace = std::chrono::milliseconds(0);
  supervisor.poll = std::chrono::milliseconds(1);
  supervisor.inject = std::move(inject);
  const Clock::time_point start = Clock::now();
  STRATA_ASSIGN_OR_RETURN(outcome.generations,
                          distributed::Supervise(supervisor, distributed::TinyRankMain(run)));
  outcome.wall = Seconds(start, Clock::now());
  return outcome;
}

absl::StatusOr<QuietRun> TrainInPeace(const KilledRunsOptions& options, int64_t save_every) {
  STRATA_ASSIGN_OR_RETURN(const Outcome outcome, Train(options, save_every, nullptr));
  return QuietRun{outcome.wall, (options.steps + save_every - 1) / save_every,
                  outcome.record->losses()};
}

absl::StatusOr<KilledRun> TrainAndKill(const KilledRunsOptions& options, int64_t save_every,
                                       const KilledRuns& quiet) {
  // Each run draws failures of its own: a sequence that starts with short waits must not mark all of them.
  Failures failures(quiet.machine.mtbf, options.ranks,
                    options.seed + static_cast<uint64_t>(save_every));
  STRATA_ASSIGN_OR_RETURN(const Outcome outcome, Train(options, save_every, std::ref(failures)));
  KilledRun run;
  run.save_every = save_every;
  run.wall = outcome.wall;
  run.failures = static_cast<int64_t>(outcome.generations.size()) - 1;
  for (int64_t step = 1; step <= options.steps; ++step) {
    // All ranks post a step, but one that is killed in it may not.
    const int64_t again = (outcome.record->trained(step) + options.ranks - 1) / options.ranks - 1;
    run.retrained += again;
  }
  run.restart = failures.mean_restart();
  run.same_losses =
      outcome.record->different() == 0 && outcome.record->losses() == quiet.quiet.losses;
  return run;
}

}  // namespace

absl::StatusOr<KilledRuns> MeasureKilledRuns(const KilledRunsOptions& options) {
  if (options.save_every.empty() || options.steps < 1 || options.ranks < 1)
    return absl::InvalidArgumentError("killed runs: steps, ranks and save_every must not be empty");
  STRATA_RETURN_IF_ERROR(MakeDirectories(options.scratch));
  KilledRuns all;
  STRATA_ASSIGN_OR_RETURN(all.quiet, TrainInPeace(options, options.steps));
  STRATA_ASSIGN_OR_RETURN(all.saving, TrainInPeace(options, 1));
  const auto steps = static_cast<double>(options.steps);
  all.step_seconds = all.quiet.wall / steps;
  all.machine.mtbf = options.mtbf_steps * all.step_seconds;
  double restarts = 0, wall = 0;
  int64_t with = 0, failures = 0;
  for (const int64_t save_every : options.save_every) {
    STRATA_ASSIGN_OR_RETURN(const KilledRun run, TrainAndKill(options, save_every, all));
    if (!std::isnan(run.restart)) restarts += run.restart, ++with;
    wall += run.wall;
    failures += run.failures;
    all.runs.push_back(run);
    // Again and again: the machine's speed drifts, and what counts is a step that nothing holds up.
    STRATA_ASSIGN_OR_RETURN(const QuietRun again, TrainInPeace(options, options.steps));
    all.quiet.wall = std::min(all.quiet.wall, again.wall);
  }
  STRATA_ASSIGN_OR_RETURN(const QuietRun again, TrainInPeace(options, 1));
  all.saving.wall = std::min(all.saving.wall, again.wall);
  all.step_seconds = all.quiet.wall / steps;
  all.machine.save = std::max(1e-5, (all.saving.wall - all.quiet.wall) / (steps - 1));
  for (KilledRun& run : all.runs) run.goodput = all.step_seconds * steps / run.wall;
  all.machine.restart = with > 0 ? restarts / static_cast<double>(with) : 0;
  // What was drawn, rather than what it was drawn from.
  if (failures > 0) all.machine.mtbf = wall / static_cast<double>(failures);
  return all;
}

}  // namespace strata::courses
