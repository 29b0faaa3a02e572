// Chapter 2: training on two data-parallel ranks, and the proofs that it is exact: one rank gives the same losses, and
// a run resumed from a checkpoint gives the same bits.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_format.h"
#include "base/file.h"
#include "chips/cost/roofline.h"
#include "courses/tour/tour.h"
#include "distributed/checkpoint/store.h"
#include "distributed/plan/validate.h"
#include "llm/train/checkpoint.h"

namespace strata::courses {
namespace {

// First steps repeated on one rank, last steps repeated after a resume.
constexpr int64_t kCompared = 8;

double GreatestDifference(const std::vector<llm::StepResult>& a,
                          const std::vector<llm::StepResult>& b) {
  double greatest = 0;
  for (const llm::StepResult& x : a) {
    for (const llm::StepResult& y : b) {
      if (x.step == y.step) greatest = std::max(greatest, std::fabs(x.loss - y.loss));
    }
  }
  return greatest;
}

// The mean loss of steps [from, to).
double MeanLoss(const std::vector<llm::StepResult>& steps, size_t from, size_t to) {
  double sum = 0;
  for (size_t i = from; i < to; ++i) sum += steps[i].loss;
  return sum / static_cast<double>(to - from);
}

absl::Status TrainOnTwoRanks(Tour& tour) {
  llm::Recipe recipe = tour.recipe;
  recipe.set_output(JoinPath(tour.work, "checkpoints"));
  recipe.set_checkpoint_every(recipe.steps() - kCompared);
  llm::RunOptions options;
  options.resume = false;
  STRATA_ASSIGN_OR_RETURN(options.peak_flops,
                          chips::PeakFlops(tour.host, chips::F32, /*matmul=*/true));
  options.profile_step = std::min<int64_t>(kCompared + 2, recipe.steps());
  const auto start = std::chrono::steady_clock::now();
  STRATA_ASSIGN_OR_RETURN(tour.training, llm::RunTraining(recipe, tour.text, options));
  tour.training_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  // A uniform guess costs ln V nats. Well under it at the end is what text-like means; a minute's run must get further
  // than a quick one.
  const std::vector<llm::StepResult>& steps = tour.training.steps;
  const size_t tail = std::max<size_t>(1, steps.size() / 10);
  const double first = steps.front().loss,
               last = MeanLoss(steps, steps.size() - tail, steps.size());
  const double chance = std::log(static_cast<double>(recipe.model().vocab_size()));
  tour.claims.push_back(
      {"The loss falls",
       std::fabs(first - chance) < 1.0 && last < chance - (tour.options.quick ? 0.8 : 2.5),
       absl::StrFormat("starts at %.2f (chance is %.2f), ends at %.2f", first, chance, last)});
  return absl::OkStatus();
}

absl::Status RepeatOnOneRank(Tour& tour) {
  llm::Recipe recipe = tour.recipe;
  recipe.set_ranks(1);
  *recipe.mutable_parallel() = parallel::DataParallelPlan(1);
  llm::RunOptions options;
  options.progress = false;
  options.stop_after = kCompared;
  STRATA_ASSIGN_OR_RETURN(llm::RunResult result, llm::RunTraining(recipe, tour.text, options));
  tour.one_rank = result.steps;
  const double difference = GreatestDifference(result.steps, tour.training.steps);
  tour.claims.push_back({"Two ranks train as one", difference <= 1e-5,
                         absl::StrFormat("greatest difference of %d losses: %.1e (bound 1e-5)",
                                         static_cast<int>(result.steps.size()), difference)});
  return absl::OkStatus();
}

// The folder of the state saved at a step.
absl::StatusOr<std::string> StateAt(const Tour& tour, int64_t step) {
  const std::string root = llm::StateFolder(JoinPath(tour.work, "checkpoints"));
  STRATA_ASSIGN_OR_RETURN(const distributed::Commits commits, distributed::ListCommits(root));
  for (const distributed::Commit& commit : commits.whole) {
    if (commit.step == step) return commit.folder;
  }
  return absl::NotFoundError(absl::StrCat(root, ": holds no checkpoint of step ", step));
}

absl::Status ResumeFromCheckpoint(Tour& tour) {
  STRATA_ASSIGN_OR_RETURN(const std::string from, StateAt(tour, tour.recipe.steps() - kCompared));
  llm::Recipe recipe = tour.recipe;
  recipe.set_output(JoinPath(tour.work, "resumed"));
  const std::string to = llm::StateFolder(recipe.output());
  std::error_code error;
  std::filesystem::remove_all(to, error);
  STRATA_RETURN_IF_ERROR(MakeDirectories(to));
  std::filesystem::copy(from, JoinPath(to, std::filesystem::path(from).filename().string()), error);
  if (error) return absl::InternalError(absl::StrCat(from, ": cannot copy: ", error.message()));
  llm::RunOptions options;
  options.progress = false;
  STRATA_ASSIGN_OR_RETURN(llm::RunResult result, llm::RunTraining(recipe, tour.text, options));
  tour.resumed = result.steps;

  STRATA_ASSIGN_OR_RETURN(std::string straight,
                          ReadFile(JoinPath(tour.training.checkpoint, "model.safetensors")));
  STRATA_ASSIGN_OR_RETURN(std::string again,
                          ReadFile(JoinPath(result.checkpoint, "model.safetensors")));
  const bool exact = straight == again && static_cast<int64_t>(result.steps.size()) == kCompared &&
                     GreatestDifference(result.steps, tour.training.steps) == 0;
  tour.claims.push_back(
      {"Resume is exact", exact,
       absl::StrFormat("%d steps after a resume; losses and %.1f MB of weights %s",
                       static_cast<int>(result.steps.size()),
                       static_cast<double>(straight.size()) / 1e6,
                       exact ? "equal to the bit" : "differ")});
  return absl::OkStatus();
}

}  // namespace

absl::Status Train(Tour& tour) {
  STRATA_RETURN_IF_ERROR(TrainOnTwoRanks(tour));
  std::fprintf(stderr, "   again on one rank, and resumed from a checkpoint\n");
  STRATA_RETURN_IF_ERROR(RepeatOnOneRank(tour));
  return ResumeFromCheckpoint(tour);
}

}  // namespace strata::courses
