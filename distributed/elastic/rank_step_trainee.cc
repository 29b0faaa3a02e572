#include "distributed/elastic/rank_step_trainee.h"

namespace strata::distributed {

absl::StatusOr<std::unique_ptr<Trainee>> RankStepTrainee::Create(
    const graph::Graph& step, const parallel::ParallelPlan& plan, RankStep::Options options,
    const Tensors& initial, Batch batch, compiler::Collectives& world) {
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<RankStep> rank_step,
                          RankStep::Create(step, plan, world, std::move(options)));
  STRATA_RETURN_IF_ERROR(rank_step->Load(initial));
  return std::unique_ptr<Trainee>(new RankStepTrainee(std::move(rank_step), std::move(batch)));
}

absl::StatusOr<double> RankStepTrainee::Step(int64_t number) {
  STRATA_ASSIGN_OR_RETURN(const Tensors outputs, step_->Step(batch_(number)));
  const auto loss = outputs.find("loss");
  if (loss == outputs.end())
    return absl::NotFoundError("the training step has no output \"loss\"; name its loss so");
  return loss->second.ToDoubles()[0];
}

}  // namespace strata::distributed
