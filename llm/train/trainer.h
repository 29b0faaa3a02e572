// Trainer: one rank of a training run, alone or spread over a mesh as recipe.parallel says. Builds the step, compiles
// this rank's programs once, runs them; saves and resumes to the bit.
//
//   STRATA_ASSIGN_OR_RETURN(auto trainer, Trainer::Create(recipe, dataset, {.threads = 2}));
//   while (trainer->step() < recipe.steps()) STRATA_RETURN_IF_ERROR(trainer->Step().status());
#ifndef STRATA_LLM_TRAIN_TRAINER_H_
#define STRATA_LLM_TRAIN_TRAINER_H_

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "chips/timeline/timeline.pb.h"
#include "compiler/device/collectives.h"
#include "compiler/plan/plan.pb.h"
#include "distributed/checkpoint/sharded_tensor.h"
#include "distributed/collective/null_collectives.h"
#include "distributed/runtime/rank_step.h"
#include "framework/graph/graph.pb.h"
#include "llm/train/dataset.h"
#include "llm/train/progress.h"
#include "llm/train/recipe.pb.h"
#include "llm/train/step_engine.h"

namespace strata::llm {

class Trainer {
 public:
  struct Options {
    int threads = 0;  // of this rank; 0: all cores
    // Not owned; required when recipe.ranks > 1, of that size; its groups are the axes of recipe.parallel.
    compiler::Collectives* collectives = nullptr;
    std::string compiler = "strata";
    std::string cache_dir;
    // How matrix products are made (CompileOptions has both).
    std::string gemm = "fastest", tuning_log;
    // From when the Timeline of a step counts.
    std::chrono::steady_clock::time_point epoch = std::chrono::steady_clock::now();
  };

  // `recipe` is complete (CompleteRecipe). Parameters start from the recipe's seed.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(
      const Recipe& recipe, std::shared_ptr<const TokenDataset> dataset, Options options);

  // One step on the next batch; the loss is that of the whole batch. All ranks must step together. `timeline` gets the
  // kernels of this rank's program; in a pipeline its slots and messages.
  absl::StatusOr<StepResult> Step(chips::Timeline* timeline = nullptr);

  int64_t step() const { return step_; }  // steps done
  const Recipe& recipe() const { return recipe_; }
  // Of this rank, without symbols: the whole step, or the first program of its pipeline stages.
  const graph::Graph& graph() const { return *programs_.front(); }
  const plan::Plan& plan() const { return engine_->PlanOf(graph()); }
  // From recipe to loaded executables: building graphs, passes, kernels (from the cache or not). No weights.
  double compile_seconds() const { return compile_seconds_; }
  // This rank's pieces of parameters and optimizer state, by input name ("wte.weight", "wte.weight.m").
  const std::vector<distributed::ShardedTensor>& state() const { return rank_step_->state(); }

  // The step that state() is of; whoever writes there says so.
  void set_step(int64_t step) { step_ = step; }

 private:
  explicit Trainer(Recipe recipe) : recipe_(std::move(recipe)) {}
  absl::Status Build(const Options& options);
  absl::Status Initialise();

  Recipe recipe_;
  std::shared_ptr<const TokenDataset> dataset_;
  std::unique_ptr<distributed::NullCollectives> alone_;
  std::unique_ptr<distributed::RankStep> rank_step_;
  StepEngine* engine_ = nullptr;               // of rank_step_
  std::vector<const graph::Graph*> programs_;  // of rank_step_; at least one
  int64_t step_ = 0;
  double compile_seconds_ = 0;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TRAIN_TRAINER_H_
