// A GPT on a mesh of pipeline, data and tensor ranks that stops and goes on: on its mesh to the bit, on others within
// the rounding of sums.
#include "distributed/elastic/rank_step_trainee.h"

#include <cmath>
#include <filesystem>
#include <map>
#include <mutex>

#include "base/file.h"
#include "base/status_matchers.h"
#include "distributed/collective/mesh_collectives.h"
#include "distributed/collective/register.h"
#include "distributed/elastic/checkpoint_store.h"
#include "distributed/elastic/train_loop.h"
#include "distributed/partition/rank_interpreter.h"
#include "distributed/plan/validate.h"
#include "distributed/testing/tiny_models.h"
#include "distributed/testing/tiny_plans.h"
#include "distributed/transport/thread_transport.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

constexpr int64_t kRows = 4;

using Curve = std::map<int64_t, double>;

// Trains from the last commit in `root` on to step `to`; a commit every second step.
absl::Status Train(const TinyParallelism& parallelism, const std::string& root, int64_t to,
                   Curve* curve, const std::string& output = "loss") {
  RegisterAllCollectives();
  const TinyModel model = {.layers = 2, .width = 16, .heads = 2, .kv_heads = 2, .hidden = 32};
  STRATA_ASSIGN_OR_RETURN(graph::Graph step, TinyTrainingStep(model));
  for (auto& result : *step.mutable_outputs())
    if (result.name() == "loss") result.set_name(output);
  STRATA_ASSIGN_OR_RETURN(const parallel::ParallelPlan plan, TinyPlan(model, parallelism));
  const int ranks = static_cast<int>(RankCount(plan));
  std::mutex mutex;
  return RunThreadRanks(ranks, [&](Transport& transport) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto world, MeshCollectives::Create(transport, plan, "ring"));
    const auto engine = [](compiler::Collectives& collectives)
        -> absl::StatusOr<std::unique_ptr<graph::Evaluator>> {
      return std::make_unique<RankInterpreter>(collectives);
    };
    const TraineeFactory make = [&](compiler::Collectives& collectives) {
      RankStepOptions options;
      options.engine = engine;
      options.rows = kRows;
      return RankStepTrainee::Create(
          step, plan, options, TinyState(step, 1),
          [&](int64_t number) { return TinyBatch(step, kRows, number); }, collectives);
    };
    ElasticRun run;
    run.steps = to;
    run.save_every = 2;
    run.on_step = [&](int64_t number, double loss) {
      std::lock_guard<std::mutex> lock(mutex);
      EXPECT_EQ(curve->insert({number, loss}).first->second, loss) << "rank " << transport.rank();
    };
    Checkpointer::Options checkpoints;
    checkpoints.root = root;
    return TrainElastic(make, CheckpointCommits(checkpoints), *world, run);
  });
}

std::string Fresh(const std::string& name) {
  const std::string root = JoinPath(testing::TempDir(), "rank_step_" + name);
  std::filesystem::remove_all(root);
  return root;
}

TEST(RankStepTraineeTest, GoesOnToTheBit) {
  for (const TinyParallelism& parallelism :
       {TinyParallelism{.pp = 2, .dp = 2, .zero = parallel::ZERO_1, .microbatches = 2},
        TinyParallelism{.dp = 2, .tp = 2, .zero = parallel::ZERO_3}}) {
    Curve whole, parts;
    ASSERT_OK(Train(parallelism, Fresh("whole"), 6, &whole));
    const std::string root = Fresh("parts");
    ASSERT_OK(Train(parallelism, root, 2, &parts));
    ASSERT_OK(Train(parallelism, root, 6, &parts));
    EXPECT_EQ(parts, whole) << Describe(parallelism);
    EXPECT_EQ(whole.size(), 6u);
  }
}

TEST(RankStepTraineeTest, GoesOnOnAnotherMesh) {
  Curve alone, moved;
  ASSERT_OK(Train({}, Fresh("alone"), 6, &alone));
  const std::string root = Fresh("moved");
  ASSERT_OK(
      Train({.pp = 2, .dp = 2, .zero = parallel::ZERO_1, .microbatches = 2}, root, 2, &moved));
  ASSERT_OK(Train({.dp = 2, .tp = 2, .zero = parallel::ZERO_3}, root, 4, &moved));
  ASSERT_OK(Train({.tp = 2}, root, 6, &moved));
  ASSERT_EQ(moved.size(), alone.size());
  for (const auto& [step, loss] : alone) EXPECT_NEAR(moved[step], loss, 1e-4) << step;
}

TEST(RankStepTraineeTest, NeedsALoss) {
  Curve curve;
  EXPECT_THAT(Train({.dp = 2}, Fresh("no_loss"), 2, &curve, "cost"),
              StatusIs(absl::StatusCode::kNotFound, testing::HasSubstr("\"loss\"")));
}

}  // namespace
}  // namespace strata::distributed
