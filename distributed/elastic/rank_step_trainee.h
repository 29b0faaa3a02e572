// RankStepTrainee: elastic training of any graph with any parallelism (distributed/runtime). After a failure on the same
// mesh the losses have the same bits, as the steps are deterministic; on another mesh, or another number of ranks, they
// differ by the rounding of sums (see shard_trainee.h for a training whose bits do not).
//
//   TraineeFactory make = [&](compiler::Collectives& world) {
//     return RankStepTrainee::Create(step, plan, options, initial, batch, world);   // a plan for world.size() ranks
//   };
//   TrainElastic(make, CheckpointCommits({.root = "run"}), *mesh_collectives, run);
#ifndef STRATA_DISTRIBUTED_ELASTIC_RANK_STEP_TRAINEE_H_
#define STRATA_DISTRIBUTED_ELASTIC_RANK_STEP_TRAINEE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/elastic/trainee.h"
#include "distributed/plan/parallel_plan.pb.h"
#include "distributed/runtime/rank_step.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

class RankStepTrainee : public Trainee {
 public:
  // The global batch of a step, with everything else that is fed, as learning rate and step number; the same values on
  // every rank and in every generation.
  using Batch = std::function<Tensors(int64_t step)>;

  // `initial`: the state before the first step, global tensors by name. `world` (with the plan's mesh) must outlive it.
  // Errors of RankStep; the graph must give its loss as the output "loss", else Step() is NOT_FOUND.
  static absl::StatusOr<std::unique_ptr<Trainee>> Create(const graph::Graph& step,
                                                         const parallel::ParallelPlan& plan,
                                                         RankStep::Options options,
                                                         const Tensors& initial, Batch batch,
                                                         compiler::Collectives& world);

  absl::StatusOr<double> Step(int64_t number) override;
  std::vector<ShardedTensor> State() override { return step_->state(); }

 private:
  RankStepTrainee(std::unique_ptr<RankStep> step, Batch batch)
      : step_(std::move(step)), batch_(std::move(batch)) {}

  const std::unique_ptr<RankStep> step_;
  const Batch batch_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_RANK_STEP_TRAINEE_H_
