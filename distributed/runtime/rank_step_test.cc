// What the equivalence matrix does not: several steps, the compiled engine, lanes of the Timeline, and errors.
#include "distributed/runtime/rank_step.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/timeline/validate.h"
#include "compiler/driver/compiled_evaluator.h"
#include "distributed/collective/mesh_collectives.h"
#include "distributed/collective/register.h"
#include "distributed/partition/rank_interpreter.h"
#include "distributed/plan/validate.h"
#include "distributed/runtime/step_model.h"
#include "distributed/testing/tiny_models.h"
#include "distributed/testing/tiny_plans.h"
#include "distributed/transport/thread_transport.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/text.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using testing::HasSubstr;

constexpr int64_t kRows = 4;

RankEngine Interpreted() {
  return [](compiler::Collectives& collectives) {
    return std::make_unique<RankInterpreter>(collectives);
  };
}

RankEngine Compiled() {
  return
      [](compiler::Collectives& collectives) -> absl::StatusOr<std::unique_ptr<graph::Evaluator>> {
        compiler::CompiledEvaluator::Options options;
        options.device_options.threads = 1;
        options.device_options.collectives = &collectives;
        STRATA_ASSIGN_OR_RETURN(auto evaluator,
                                compiler::CompiledEvaluator::Create(std::move(options)));
        return evaluator;
      };
}

// `body` on every rank of the plan's mesh.
absl::Status OnRanks(const parallel::ParallelPlan& plan,
                     const std::function<absl::Status(compiler::Collectives&)>& body) {
  RegisterAllCollectives();
  const int ranks = static_cast<int>(RankCount(plan));
  return RunThreadRanks(ranks, [&](Transport& transport) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto world, MeshCollectives::Create(transport, plan, "ring"));
    return body(*world);
  });
}

// Losses of steps 1, 2, 3, as every rank has them; they must agree to the bit. Batches are those of the step `whole`.
absl::StatusOr<std::vector<double>> Train(const graph::Graph& step,
                                          const parallel::ParallelPlan& plan,
                                          const RankEngine& engine, const graph::Graph& whole) {
  std::vector<std::vector<double>> losses(8);
  STRATA_RETURN_IF_ERROR(OnRanks(plan, [&](compiler::Collectives& world) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto trainer,
                            RankStep::Create(step, plan, world, {.engine = engine, .rows = kRows}));
    STRATA_RETURN_IF_ERROR(trainer->Load(TinyState(step, 1)));
    for (int64_t number = 1; number <= 3; ++number) {
      STRATA_ASSIGN_OR_RETURN(const Tensors outputs,
                              trainer->Step(TinyBatch(whole, kRows, number)));
      losses[static_cast<size_t>(world.rank())].push_back(outputs.at("loss").ToDoubles()[0]);
    }
    return absl::OkStatus();
  }));
  for (const std::vector<double>& of_rank : losses)
    if (!of_rank.empty() && of_rank != losses[0])
      return absl::InternalError("ranks have other losses");
  return losses[0];
}

absl::StatusOr<std::vector<double>> Train(const graph::Graph& step,
                                          const parallel::ParallelPlan& plan,
                                          const RankEngine& engine) {
  return Train(step, plan, engine, step);
}

class RankStepTest : public testing::TestWithParam<TinyParallelism> {};

TEST_P(RankStepTest, TrainsForSeveralSteps) {
  const TinyModel model = {.sequence = 8};
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, TinyTrainingStep(model));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto alone, TinyPlan(model, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto plan, TinyPlan(model, GetParam()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, Train(step, alone, Interpreted()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, Train(step, plan, Interpreted()));
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 2e-5) << i;
}

// Nothing depends on how the mesh is written: in which order its axes stand, and that some have one rank.
TEST_P(RankStepTest, AxesInAnyOrder) {
  const TinyModel model = {.sequence = 8};
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, TinyTrainingStep(model));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto alone, TinyPlan(model, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(auto plan, TinyPlan(model, GetParam()));
  std::reverse(plan.mutable_mesh()->begin(), plan.mutable_mesh()->end());
  for (const auto kind : {parallel::DATA_PARALLEL, parallel::TENSOR_PARALLEL,
                          parallel::CONTEXT_PARALLEL, parallel::EXPERT_PARALLEL}) {
    parallel::MeshAxis* axis = plan.add_mesh();
    axis->set_name(absl::StrCat("one", static_cast<int>(kind)));
    axis->set_kind(kind);
    axis->set_size(1);
    for (int i = plan.mesh_size() - 1; kind == parallel::TENSOR_PARALLEL && i > 0; --i)
      plan.mutable_mesh()->SwapElements(i, i - 1);
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, Train(step, alone, Interpreted()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, Train(step, plan, Interpreted()));
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 2e-5) << i;
}

INSTANTIATE_TEST_SUITE_P(
    Plans, RankStepTest,
    testing::Values(
        TinyParallelism{.dp = 2, .zero = parallel::ZERO_3},
        TinyParallelism{.tp = 2, .sequence_parallel = true},
        TinyParallelism{.dp = 2, .tp = 2, .zero = parallel::ZERO_2, .sequence_parallel = true},
        TinyParallelism{.cp = 2, .tp = 2},
        TinyParallelism{.pp = 2, .schedule = "zb_h1", .microbatches = 2},
        TinyParallelism{.pp = 2, .dp = 2, .zero = parallel::ZERO_1, .microbatches = 2}));

// A step without the symbol of the batch is that of a microbatch.
TEST(RankStepTest, TakesAStepOfAMicrobatch) {
  const TinyModel model = {.sequence = 8}, part = {.sequence = 8, .batch = 2};
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, TinyTrainingStep(model));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph of_part, TinyTrainingStep(part));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto plan, TinyPlan(model, {.microbatches = 2}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, Train(step, plan, Interpreted()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, Train(of_part, plan, Interpreted(), step));
  EXPECT_EQ(got, want);
}

// The same programs on the compiler's engine.
TEST(RankStepTest, TrainsCompiled) {
  const TinyModel model = {.sequence = 8};
  const TinyParallelism parallelism = {.pp = 2, .microbatches = 2};
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, TinyTrainingStep(model));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto plan, TinyPlan(model, parallelism));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, Train(step, plan, Interpreted()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto compiled, Train(step, plan, Compiled()));
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(compiled[i], want[i], 1e-4) << i;
}

TEST(RankStepTest, TimelineHasALane) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, TinyTrainingStep({.sequence = 8}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto plan, TinyPlan({}, {.pp = 2, .microbatches = 2}));
  EXPECT_OK(OnRanks(plan, [&](compiler::Collectives& world) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(
        const auto trainer,
        RankStep::Create(step, plan, world, {.engine = Interpreted(), .rows = kRows}));
    chips::Timeline timeline;
    STRATA_RETURN_IF_ERROR(trainer->Step(TinyBatch(step, kRows, 1), &timeline).status());
    EXPECT_EQ(timeline.lanes(0), absl::StrCat("rank ", world.rank()));
    EXPECT_GT(timeline.events_size(), 6);
    return chips::ValidateTimeline(timeline);
  }));
}

// A step whose activations are made again keeps less and sends the same.
TEST(RankStepTest, RecomputingKeepsLess) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, TinyTrainingStep({}));
  StepModel models[2];
  for (const bool recompute : {false, true}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto plan,
                                TinyPlan({}, {.pp = 2, .microbatches = 4, .recompute = recompute}));
    STRATA_ASSERT_OK_AND_ASSIGN(const RankPrograms programs,
                                MakeRankPrograms(step, plan, 0, kRows));
    STRATA_ASSERT_OK_AND_ASSIGN(models[recompute], ModelOf(programs, "ring"));
  }
  EXPECT_LT(models[1].activation_bytes, models[0].activation_bytes / 4);
  EXPECT_EQ(models[1].wire_bytes, models[0].wire_bytes);
}

// Microbatches do not multiply what data parallelism sends: all that grows is the loss, 4 bytes a microbatch and rank.
TEST(RankStepTest, GradientsAreReducedOnceAStep) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, TinyTrainingStep({}));
  double bytes[2] = {0, 0};
  for (const int microbatches : {1, 4}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto plan,
                                TinyPlan({}, {.dp = 2, .microbatches = microbatches}));
    STRATA_ASSERT_OK_AND_ASSIGN(const RankPrograms programs, MakeRankPrograms(step, plan, 0, 8));
    STRATA_ASSERT_OK_AND_ASSIGN(const StepModel model, ModelOf(programs, "ring"));
    bytes[microbatches / 4] = model.wire_bytes;
    if (microbatches == 1) continue;
    EXPECT_EQ(programs.pipeline->deferred.size(), programs.sums.size());
  }
  EXPECT_EQ(bytes[1], bytes[0] + 3 * 4);
  // What is cut is reduced where it is made.
  STRATA_ASSERT_OK_AND_ASSIGN(const auto cut,
                              TinyPlan({}, {.dp = 2, .zero = parallel::ZERO_2, .microbatches = 4}));
  STRATA_ASSERT_OK_AND_ASSIGN(const RankPrograms programs, MakeRankPrograms(step, cut, 0, 8));
  EXPECT_LT(programs.pipeline->deferred.size(), 3u);
}

// Two axes of a kind are as good as one of their product.
TEST(RankStepTest, TwoAxesOfAKind) {
  const TinyModel model = {.sequence = 16};
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, TinyTrainingStep(model));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto alone, TinyPlan(model, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, Train(step, alone, Interpreted()));
  for (const TinyParallelism& one :
       {TinyParallelism{.dp = 2, .zero = parallel::ZERO_2}, TinyParallelism{.cp = 2},
        TinyParallelism{.cp = 2, .context = parallel::ULYSSES}, TinyParallelism{.tp = 2}}) {
    SCOPED_TRACE(Describe(one));
    STRATA_ASSERT_OK_AND_ASSIGN(auto plan, TinyPlan(model, one));
    parallel::MeshAxis* second = plan.add_mesh();
    *second = plan.mesh(0);
    second->set_name("second");
    STRATA_ASSERT_OK_AND_ASSIGN(const auto got, Train(step, plan, Interpreted()));
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 2e-5) << i;
  }
}

// A stage that holds no parameters, behind all that do.
TEST(RankStepTest, LastStageWithoutParameters) {
  const TinyModel model = {.sequence = 8};
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, TinyTrainingStep(model));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto alone, TinyPlan(model, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(
      auto plan,
      TinyPlan(
          model,
          {.pp = 2, .dp = 2, .zero = parallel::ZERO_1, .microbatches = 2, .bucket_bytes = 4096}));
  plan.mutable_chunks(0)->clear_nodes();
  plan.mutable_chunks(1)->clear_nodes();
  for (const char* module : {"wte", "wpe", "h.*", "ln_f", "lm_head"})
    plan.mutable_chunks(0)->add_nodes(module);
  plan.mutable_chunks(1)->add_nodes("loss");
  STRATA_ASSERT_OK_AND_ASSIGN(const RankPrograms last, MakeRankPrograms(step, plan, 3, kRows));
  EXPECT_TRUE(last.state.empty());
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, Train(step, alone, Interpreted()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, Train(step, plan, Interpreted()));
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 2e-5) << i;
}

// Gradients of several dtypes never share a message.
TEST(RankStepTest, BucketsAreOfOneDtype) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, graph::ParseGraph(R"(graph "mixed" {
    %x: f32[B, 3] = input data
    %a: bf16[3] = input parameter
    %b: f32[3] = input parameter
    %loss: f32[] = reduce_mean(%x) {axes = ints[0, 1], keep_dims = false}
    %low: bf16[B, 3] = cast(%x) {dtype = bf16} @ "grad loss"
    %ga: bf16[3] gradient_of("a") = reduce_sum(%low) {axes = ints[0], keep_dims = false} @ "grad loss"
    %gb: f32[3] gradient_of("b") = reduce_sum(%x) {axes = ints[0], keep_dims = false} @ "grad loss"
    return %loss as "loss" mean
    return %ga as "ga" mean
    return %gb as "gb" mean
  })",
                                                                         "mixed"));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto plan,
                              TinyPlan({}, {.dp = 2, .microbatches = 2, .bucket_bytes = 4096}));
  const Tensors batch = {
      {"x", graph::HostTensor::FromVector<float>({4, 3}, std::vector<float>(12, 3.0f))}};
  EXPECT_OK(OnRanks(plan, [&](compiler::Collectives& world) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(
        const auto trainer,
        RankStep::Create(step, plan, world, {.engine = Interpreted(), .rows = kRows}));
    EXPECT_EQ(trainer->programs().pipeline->deferred.size(), 2u);
    STRATA_ASSIGN_OR_RETURN(const StepModel model, ModelOf(trainer->programs(), "ring"));
    EXPECT_EQ(model.wire_bytes, 3 * 2 + 3 * 4 + 2 * 4);  // a, b, and the loss of each microbatch
    STRATA_ASSIGN_OR_RETURN(const Tensors outputs, trainer->Step(batch));
    for (const char* name : {"ga", "gb"})
      EXPECT_EQ(outputs.at(name).ToDoubles(), std::vector<double>(3, 6)) << name;
    return absl::OkStatus();
  }));
}

TEST(RankStepTest, ErrorsSayWhatIsWrong) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, TinyTrainingStep({}));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph fixed, TinyTrainingStep({.batch = 4}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto alone, TinyPlan({}, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto three, TinyPlan({}, {.microbatches = 3}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto two, TinyPlan({}, {.dp = 2}));
  EXPECT_THAT(
      MakeRankPrograms(step, three, 0, 4),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4 rows cannot be cut into 3")));
  EXPECT_THAT(MakeRankPrograms(fixed, three, 0, 4),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("leading dim 'B' or 1")));
  EXPECT_OK(OnRanks(alone, [&](compiler::Collectives& world) -> absl::Status {
    EXPECT_THAT(RankStep::Create(step, alone, world, {.engine = nullptr, .rows = 4}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("engine: is not set")));
    EXPECT_THAT(RankStep::Create(step, two, world, {.engine = Interpreted(), .rows = 4}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2 ranks; there are 1")));
    STRATA_ASSIGN_OR_RETURN(
        const auto trainer,
        RankStep::Create(step, alone, world, {.engine = Interpreted(), .rows = 4}));
    EXPECT_THAT(trainer->Load({}), StatusIs(absl::StatusCode::kInvalidArgument,
                                            HasSubstr("there is no 'wte.weight'")));
    Tensors batch = TinyBatch(step, 2, 1);
    EXPECT_THAT(trainer->Step(batch),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("'tokens' is i32[2, 16], not i32[4, 16]")));
    EXPECT_THAT(ModelOf(trainer->programs(), "auto"),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr("formula")));
    return absl::OkStatus();
  }));
}

}  // namespace
}  // namespace strata::distributed
