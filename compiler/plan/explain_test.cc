#include "compiler/plan/explain.h"

#include "base/file.h"
#include "base/status_matchers.h"
#include "base/textproto.h"
#include "compiler/plan/memory_use.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::plan {
namespace {

TEST(ExplainPlanTest, GoldenTable) {
  Plan plan;
  ASSERT_OK(ReadTextProto("compiler/plan/testdata/scale.plan.textproto", &plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string golden,
                              ReadFile("compiler/plan/testdata/scale.explain.txt"));
  EXPECT_EQ(ExplainPlan(plan), golden);
}

TEST(MemoryUseTest, CountsStorageOnceAndFindsTheFullestStep) {
  Plan plan;
  const auto add = [&](BufferKind kind, uint64_t bytes, int first, int last) {
    Buffer* buffer = plan.add_buffers();
    buffer->set_kind(kind);
    buffer->set_size_bytes(bytes);
    buffer->set_first_step(first);
    buffer->set_last_step(last);
    return buffer;
  };
  EXPECT_EQ(MemoryUseOf(plan).fullest_step, -1);
  add(INPUT, 100, 0, 0);
  add(OUTPUT, 100, 0, 0)->set_in_place_of(0);
  add(OUTPUT, 30, 0, 0);
  add(CONSTANT, 4, 0, 0);
  add(TEMPORARY, 128, 0, 2);
  add(TEMPORARY, 64, 2, 5);
  add(TEMPORARY, 64, 2, 5)->set_in_place_of(5);
  plan.set_arena_bytes(256);
  const MemoryUse use = MemoryUseOf(plan);
  EXPECT_EQ(use.arena_lower_bound, 192u);
  EXPECT_EQ(use.fullest_step, 2);
  EXPECT_EQ(use.peak(), 100u + 30u + 4u + 256u);
  EXPECT_EQ(use.lower_bound(), 100u + 30u + 4u + 192u);
  EXPECT_THAT(
      use.ToString(),
      ::testing::StartsWith("arena 256 B, lower bound 192 B (+33.3 %); with 100 B of inputs"));
}

TEST(ExplainPlanTest, NumbersAreForPeople) {
  EXPECT_EQ(HumanNumber(0, "B"), "0 B");
  EXPECT_EQ(HumanNumber(999, "B"), "999 B");
  EXPECT_EQ(HumanNumber(12582912, "B"), "12.6 MB");
  EXPECT_EQ(HumanNumber(3.6e12, "FLOP"), "3.6 TFLOP");
}

TEST(ExplainPlanTest, EveryKindOfStepHasAName) {
  Plan plan;
  Step step;
  EXPECT_EQ(DescribeStep(plan, step), "unset");
  step.mutable_host_call()->mutable_node()->set_op("concat");
  EXPECT_EQ(DescribeStep(plan, step), "host concat");
  step.mutable_library_call()->set_routine("matmul");
  EXPECT_EQ(DescribeStep(plan, step), "library matmul");
  step.mutable_collective()->set_kind("all_reduce");
  EXPECT_EQ(DescribeStep(plan, step), "collective all_reduce");
}

}  // namespace
}  // namespace strata::plan
