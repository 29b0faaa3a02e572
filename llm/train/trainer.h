// Trainer: one rank of a data-parallel training run. Builds the step, compiles it once, runs it; saves and resumes to
// the bit.
//
//   STRATA_ASSIGN_OR_RETURN(auto trainer, Trainer::Create(recipe, dataset, {.threads = 2}));
//   while (trainer->step() < recipe.steps()) STRATA_RETURN_IF_ERROR(trainer->Step().status());
#ifndef STRATA_LLM_TRAIN_TRAINER_H_
#define STRATA_LLM_TRAIN_TRAINER_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "chips/timeline/timeline.pb.h"
#include "compiler/device/collectives.h"
#include "compiler/driver/compiled_evaluator.h"
#include "framework/graph/host_tensor.h"
#include "llm/train/dataset.h"
#include "llm/train/progress.h"
#include "llm/train/recipe.pb.h"

namespace strata::llm {

using TensorMap = std::map<std::string, graph::HostTensor>;

class Trainer {
 public:
  struct Options {
    int threads = 0;  // of this rank; 0: all cores
    // Not owned; required when recipe.ranks > 1, of that size.
    compiler::Collectives* collectives = nullptr;
    std::string compiler = "strata";
    std::string cache_dir;
    // How matrix products are made (CompileOptions has both).
    std::string gemm = "fastest", tuning_log;
  };

  // `recipe` is complete (CompleteRecipe). Parameters start from the recipe's seed.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(
      const Recipe& recipe, std::shared_ptr<const TokenDataset> dataset, Options options);

  // One step on the next batch; the loss is that of the whole batch. All ranks must step together.
  absl::StatusOr<StepResult> Step(chips::Timeline* timeline = nullptr);

  int64_t step() const { return step_; }  // steps done
  const Recipe& recipe() const { return recipe_; }
  const graph::Graph& graph() const {
    return graph_;
  }  // this rank's training step; symbolic batch "B"
  const plan::Plan& plan() const { return loaded_->plan; }
  // From recipe to loaded executable: building the graph, passes, kernels (from the cache or not). No weights.
  double compile_seconds() const { return compile_seconds_; }
  // Parameters and optimizer state by input name ("wte.weight", "wte.weight.m"). Share storage with the trainer.
  const TensorMap& state() const { return state_; }
  TensorMap Parameters() const;

  // Takes the place of the initial state: every tensor of state(), of the same types.
  absl::Status Restore(const TensorMap& state, int64_t step);

 private:
  explicit Trainer(Recipe recipe) : recipe_(std::move(recipe)) {}
  absl::StatusOr<std::vector<graph::HostTensor>> Inputs(double learning_rate) const;

  Recipe recipe_;
  std::shared_ptr<const TokenDataset> dataset_;
  Options options_;
  graph::Graph graph_;
  std::unique_ptr<compiler::CompiledEvaluator> evaluator_;
  compiler::CompiledEvaluator::Loaded* loaded_ = nullptr;  // owned by evaluator_
  TensorMap state_;
  int64_t step_ = 0;
  double compile_seconds_ = 0;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TRAIN_TRAINER_H_
