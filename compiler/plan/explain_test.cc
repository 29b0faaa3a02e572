#include "compiler/plan/explain.h"

#include "base/file.h"
#include "base/status_matchers.h"
#include "base/textproto.h"
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
