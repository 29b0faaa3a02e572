// What the pass "optimizer_fusion" is worth to a whole training step, and that it costs nothing.
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/test_models.h"
#include "compiler/plan/memory_use.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

struct Counts {
  int steps = 0, copies = 0, kernels = 0;
  double bytes = 0;
  uint64_t peak = 0;
};

absl::StatusOr<Counts> CountsOf(const graph::Graph& graph, chips::DType compute,
                                std::vector<std::string> skip_passes) {
  RegisterAllCompilers();
  STRATA_ASSIGN_OR_RETURN(auto compiler, CreateCompiler("strata"));
  CompileOptions options;
  options.compute_dtype = compute;
  options.skip_passes = std::move(skip_passes);
  STRATA_ASSIGN_OR_RETURN(const plan::Plan plan, compiler->Compile(graph, chips::Chip(), options));
  Counts counts;
  counts.steps = plan.steps_size();
  counts.kernels = plan.kernels_size();
  counts.peak = plan::MemoryUseOf(plan).peak();
  for (const plan::Step& step : plan.steps()) {
    counts.copies += step.has_copy();
    counts.bytes += step.bytes_read() + step.bytes_written();
  }
  return counts;
}

// Widths such that weights are large for the pass, gains and biases small.
GptSizes Sizes() {
  GptSizes sizes;
  sizes.width = 96;
  sizes.layers = 3;
  return sizes;
}

// Up to the numbers that all parameters share, which are now made once and kept, and to what the
// general fusion then chooses for the gradient norm.
void ExpectNoWorse(const Counts& with, const Counts& without) {
  EXPECT_LE(with.steps, without.steps);
  EXPECT_LE(with.kernels, without.kernels);
  EXPECT_LE(with.bytes, 1.001 * without.bytes);
  EXPECT_LE(with.peak, without.peak + 256);
}

TEST(OptimizerPlanTest, AStepHasNoMoreKernelsBytesOrMemory) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep(Sizes()));
  STRATA_ASSERT_OK_AND_ASSIGN(const Counts with, CountsOf(graph, chips::F32, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Counts without,
                              CountsOf(graph, chips::F32, {"optimizer_fusion"}));
  ExpectNoWorse(with, without);
}

TEST(OptimizerPlanTest, WithClippingSmallParametersShareKernels) {
  GptSizes sizes = Sizes();
  sizes.clip_norm = 1;
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep(sizes));
  STRATA_ASSERT_OK_AND_ASSIGN(const Counts with, CountsOf(graph, chips::F32, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Counts without,
                              CountsOf(graph, chips::F32, {"optimizer_fusion"}));
  ExpectNoWorse(with, without);
  EXPECT_LT(with.steps, without.steps);
  EXPECT_EQ(with.copies, 0);
}

// Matrices of a model so small that they count as small parameters.
TEST(OptimizerPlanTest, ATinyModelHasNoMoreKernelsEither) {
  for (const double clip_norm : {0, 1}) {
    GptSizes sizes;
    sizes.clip_norm = clip_norm;
    STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep(sizes));
    STRATA_ASSERT_OK_AND_ASSIGN(const Counts with, CountsOf(graph, chips::F32, {}));
    STRATA_ASSERT_OK_AND_ASSIGN(const Counts without,
                                CountsOf(graph, chips::F32, {"optimizer_fusion"}));
    EXPECT_LE(with.steps, without.steps) << clip_norm;
    EXPECT_EQ(with.copies, 0);
  }
}

TEST(OptimizerPlanTest, WithLossScalingAndBf16Too) {
  GptSizes sizes = Sizes();
  sizes.clip_norm = 1;
  sizes.loss_scale = 1024;
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep(sizes));
  STRATA_ASSERT_OK_AND_ASSIGN(const Counts with, CountsOf(graph, chips::BF16, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Counts without,
                              CountsOf(graph, chips::BF16, {"optimizer_fusion"}));
  ExpectNoWorse(with, without);
  EXPECT_LT(with.steps, without.steps);
}

}  // namespace
}  // namespace strata::compiler
