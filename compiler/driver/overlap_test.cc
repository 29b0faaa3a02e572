// Collectives that run beside the computation: the plan's streams, and that results do not depend on how long a
// collective takes, whatever memory is shared meanwhile.
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/device/device.h"
#include "compiler/device/twin_collectives.h"
#include "compiler/driver/compiler.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::ValueId;

// The twin, whose all_reduce takes its time.
class SlowTwin : public TwinCollectives {
 public:
  absl::Status AllReduce(void* data, int64_t count, chips::DType dtype,
                         Reduction reduction) override {
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    return TwinCollectives::AllReduce(data, count, dtype, reduction);
  }
};

// Layers of products and elementwise steps; now and then a value is all_reduced (`twin`) or doubled, and read much
// later. The same random choices for both.
graph::Graph RandomStep(uint32_t seed, bool twin) {
  std::mt19937 random(seed);
  graph::Builder b("random_step");
  const ValueId w = b.Input("w", {chips::F32, {16, 16}}, graph::PARAMETER);
  ValueId x = b.Input("x", {chips::F32, {8, 16}}, graph::DATA);
  std::vector<ValueId> reduced;
  for (int layer = 0; layer < 12; ++layer) {
    x = b.Apply("tanh", {b.Apply("matmul", {x, w})});
    if (random() % 2 == 0) {
      reduced.push_back(twin ? b.Apply("all_reduce", {x}, {{"reduction", Attr("sum")}})
                             : b.Apply("add", {x, x}));
    }
    if (!reduced.empty() && random() % 4 == 0) {
      x = b.Apply("add", {x, reduced[random() % reduced.size()]});
    }
  }
  for (const ValueId value : reduced) x = b.Apply("add", {x, value});
  b.Output(x, "y");
  if (reduced.size() > 1) b.Output(reduced.back(), "last");
  return std::move(b).Build().value();
}

absl::StatusOr<plan::Plan> CompileForCpu(const graph::Graph& graph) {
  STRATA_ASSIGN_OR_RETURN(const auto compiler, CreateCompiler("strata"));
  return compiler->Compile(graph, chips::Chip(), {});
}

TEST(OverlapTest, ResultsAreThoseOfOneAfterTheOther) {
  RegisterAllDevices();
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 0.5f);
  graph::HostTensor w = graph::HostTensor::Allocate(chips::F32, {16, 16}),
                    x = graph::HostTensor::Allocate(chips::F32, {8, 16});
  for (graph::HostTensor* tensor : {&w, &x}) {
    for (int64_t i = 0; i < tensor->elements(); ++i) tensor->data<float>()[i] = normal(random);
  }
  int beside = 0;
  for (uint32_t seed = 0; seed < 6; ++seed) {
    SlowTwin twin;
    DeviceOptions options;
    options.collectives = &twin;
    STRATA_ASSERT_OK_AND_ASSIGN(const auto device, DeviceRegistry().Create("cpu", options));
    STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, CompileForCpu(RandomStep(seed, true)));
    beside += plan.streams() == 2;
    STRATA_ASSERT_OK_AND_ASSIGN(const auto executable, device->Load(plan));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto want,
                                graph::Interpreter().Evaluate(RandomStep(seed, false), {w, x}));
    for (int run = 0; run < 3; ++run) {
      chips::Timeline timeline;
      RunOptions run_options;
      run_options.timeline = &timeline;
      STRATA_ASSERT_OK_AND_ASSIGN(const auto got, executable->Run({w, x}, run_options));
      EXPECT_EQ(timeline.events_size(), plan.steps_size());
      for (size_t i = 0; i < want.size(); ++i) {
        const std::vector<double> a = want[i].ToDoubles(), b = got[i].ToDoubles();
        for (size_t k = 0; k < a.size(); ++k) ASSERT_NEAR(a[k], b[k], 1e-4) << seed;
      }
    }
  }
  EXPECT_GE(beside, 3);
}

TEST(OverlapTest, AReaderWaitsAndTheComputationBetweenDoesNot) {
  graph::Builder b("between");
  const ValueId w = b.Input("w", {chips::F32, {16, 16}}, graph::PARAMETER);
  const ValueId x = b.Input("x", {chips::F32, {8, 16}}, graph::DATA);
  const ValueId first = b.Apply("matmul", {x, w});
  const ValueId reduced = b.Apply("all_reduce", {first}, {{"reduction", Attr("sum")}});
  const ValueId second = b.Apply("matmul", {x, w}, {{"transpose_b", Attr(true)}});
  b.Output(b.Apply("add", {b.Apply("exp", {second}), reduced}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, CompileForCpu(std::move(b).Build().value()));
  ASSERT_EQ(plan.streams(), 2u);
  int collective = -1, waiting = -1;
  for (int i = 0; i < plan.steps_size(); ++i) {
    if (plan.steps(i).stream() == 1) collective = i;
    for (const uint32_t other : plan.steps(i).wait_for()) {
      if (static_cast<int>(other) == collective && collective >= 0) waiting = i;
    }
  }
  ASSERT_GE(collective, 1);
  EXPECT_FALSE(plan.steps(collective).wait_for().empty());  // for the product
  EXPECT_GT(waiting, collective + 1);
}

TEST(OverlapTest, AnErrorOfACollectiveEndsTheRun) {
  class Broken : public TwinCollectives {
   public:
    absl::Status AllReduce(void*, int64_t, chips::DType, Reduction) override {
      return absl::UnavailableError("rank 1 has left");
    }
  };
  RegisterAllDevices();
  Broken broken;
  DeviceOptions options;
  options.collectives = &broken;
  STRATA_ASSERT_OK_AND_ASSIGN(const auto device, DeviceRegistry().Create("cpu", options));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, CompileForCpu(RandomStep(0, true)));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto executable, device->Load(plan));
  const std::vector<graph::HostTensor> inputs = {graph::HostTensor::Zeros(chips::F32, {16, 16}),
                                                 graph::HostTensor::Zeros(chips::F32, {8, 16})};
  for (int run = 0; run < 2; ++run) {
    EXPECT_THAT(executable->Run(inputs, {}),
                StatusIs(absl::StatusCode::kUnavailable, ::testing::HasSubstr("rank 1 has left")));
  }
}

}  // namespace
}  // namespace strata::compiler
