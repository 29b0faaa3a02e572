// Training that is saved on one mesh and goes on on another: real steps, real shardings.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "distributed/checkpoint/checkpointer.h"
#include "distributed/checkpoint/stored_checkpoint.h"
#include "distributed/checkpoint/test_state.h"
#include "distributed/collective/mesh_collectives.h"
#include "distributed/collective/register.h"
#include "distributed/partition/rank_interpreter.h"
#include "distributed/plan/validate.h"
#include "distributed/runtime/rank_step.h"
#include "distributed/testing/tiny_models.h"
#include "distributed/testing/tiny_plans.h"
#include "distributed/transport/thread_transport.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

constexpr int64_t kRows = 4, kSavedAt = 2;

TinyModel Model() { return {.sequence = 8}; }

class Training {
 public:
  // Ranks of one plan, each with its step.
  explicit Training(const TinyParallelism& parallelism)
      : step_(TinyTrainingStep(Model())), plan_(TinyPlan(Model(), parallelism)) {}

  using Body = std::function<absl::Status(compiler::Collectives&, RankStep&)>;

  absl::Status OnRanks(const Body& body) const {
    STRATA_RETURN_IF_ERROR(step_.status());
    STRATA_RETURN_IF_ERROR(plan_.status());
    RegisterAllCollectives();
    const int ranks = static_cast<int>(RankCount(*plan_));
    return RunThreadRanks(ranks, [&](Transport& transport) -> absl::Status {
      STRATA_ASSIGN_OR_RETURN(const auto world, MeshCollectives::Create(transport, *plan_, "ring"));
      const RankEngine engine = [](compiler::Collectives& collectives) {
        return std::make_unique<RankInterpreter>(collectives);
      };
      STRATA_ASSIGN_OR_RETURN(const auto rank, RankStep::Create(*step_, *plan_, *world,
                                                                {.engine = engine, .rows = kRows}));
      return body(*world, *rank);
    });
  }

  absl::StatusOr<double> Step(RankStep& rank, int64_t number) const {
    STRATA_ASSIGN_OR_RETURN(const Tensors outputs, rank.Step(TinyBatch(*step_, kRows, number)));
    return outputs.at("loss").ToDoubles()[0];
  }
  absl::Status Begin(RankStep& rank) const { return rank.Load(TinyState(*step_, 1)); }

 private:
  absl::StatusOr<graph::Graph> step_;
  absl::StatusOr<parallel::ParallelPlan> plan_;
};

absl::Status Save(const std::string& root, compiler::Collectives& world, const RankStep& rank) {
  STRATA_ASSIGN_OR_RETURN(const auto saver, Checkpointer::Open({.root = root}, world));
  STRATA_RETURN_IF_ERROR(saver->Save(kSavedAt, rank.state()));
  return saver->Wait();
}

absl::Status Load(const std::string& root, compiler::Collectives& world, const RankStep& rank) {
  STRATA_ASSIGN_OR_RETURN(const GoodCheckpoint good, LatestGood(root, world));
  STRATA_ASSIGN_OR_RETURN(const StoredCheckpoint stored, StoredCheckpoint::Open(good.folder));
  std::vector<ShardedTensor> cells = rank.state();  // which share its memory
  return stored.Load(absl::MakeSpan(cells));
}

// Trains to kSavedAt, saves, trains a step more; the loss of that.
absl::StatusOr<double> TrainAndSave(const TinyParallelism& parallelism, const std::string& root) {
  const Training training(parallelism);
  double after = 0;
  STRATA_RETURN_IF_ERROR(
      training.OnRanks([&](compiler::Collectives& world, RankStep& rank) -> absl::Status {
        STRATA_RETURN_IF_ERROR(training.Begin(rank));
        for (int64_t number = 1; number <= kSavedAt; ++number) {
          STRATA_RETURN_IF_ERROR(training.Step(rank, number).status());
        }
        STRATA_RETURN_IF_ERROR(Save(root, world, rank));
        STRATA_ASSIGN_OR_RETURN(const double loss, training.Step(rank, kSavedAt + 1));
        if (world.rank() == 0) after = loss;
        return absl::OkStatus();
      }));
  return after;
}

// Loads in new ranks, saves again into `copy`, trains a step; the loss of that.
absl::StatusOr<double> LoadAndTrain(const TinyParallelism& parallelism, const std::string& root,
                                    const std::string& copy) {
  const Training training(parallelism);
  double after = 0;
  STRATA_RETURN_IF_ERROR(
      training.OnRanks([&](compiler::Collectives& world, RankStep& rank) -> absl::Status {
        STRATA_RETURN_IF_ERROR(Load(root, world, rank));
        STRATA_RETURN_IF_ERROR(Save(copy, world, rank));
        STRATA_ASSIGN_OR_RETURN(const double loss, training.Step(rank, kSavedAt + 1));
        if (world.rank() == 0) after = loss;
        return absl::OkStatus();
      }));
  return after;
}

void ExpectSameTensors(const std::string& a, const std::string& b) {
  STRATA_ASSERT_OK_AND_ASSIGN(const GoodCheckpoint good_a, LatestGood(a));
  STRATA_ASSERT_OK_AND_ASSIGN(const GoodCheckpoint good_b, LatestGood(b));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto stored_a, StoredCheckpoint::Open(good_a.folder));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto stored_b, StoredCheckpoint::Open(good_b.folder));
  ASSERT_EQ(stored_a.manifest().tensors_size(), stored_b.manifest().tensors_size());
  EXPECT_GT(stored_a.manifest().tensors_size(), 10);
  for (const auto& tensor : stored_a.manifest().tensors()) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto value_a, stored_a.LoadWhole(tensor.name()));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto value_b, stored_b.LoadWhole(tensor.name()));
    EXPECT_TRUE(SameBits(value_a, value_b)) << tensor.name();
  }
}

const TinyParallelism kMeshes[] = {
    {},
    {.dp = 2, .zero = parallel::ZERO_3},
    {.tp = 2, .sequence_parallel = true},
    {.pp = 2, .dp = 2, .zero = parallel::ZERO_1, .microbatches = 2},
};

// On the mesh that saved: to the bit. On another: the same state to the bit, and its own rounding after that.
TEST(TrainingTest, GoesOnOnAnyMesh) {
  for (const TinyParallelism& from : kMeshes) {
    const std::string root = FreshFolder("from");
    STRATA_ASSERT_OK_AND_ASSIGN(const double want, TrainAndSave(from, root));
    for (const TinyParallelism& to : kMeshes) {
      const std::string copy = FreshFolder("copy");
      STRATA_ASSERT_OK_AND_ASSIGN(const double got, LoadAndTrain(to, root, copy));
      ExpectSameTensors(root, copy);
      if (&to == &from) {
        EXPECT_EQ(got, want);
      } else {
        EXPECT_NEAR(got, want, 2e-5);
      }
    }
  }
}

}  // namespace
}  // namespace strata::distributed
