// The lab's claims on small images: the test fails when one of them is false. Nothing that is timed decides.
#include "courses/chips/five_machines/race.h"

#include "base/status_matchers.h"
#include "courses/chips/five_machines/models.h"
#include "courses/lab/false_claims.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

// Runs the heat; its claims hold, and each machine has its figures.
void CheckHeat(const std::vector<LabModel>& models) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Heat heat, RunHeat(models, /*timed_runs=*/1, /*quick=*/true));
  EXPECT_EQ(heat.machines.size(), 5u);
  EXPECT_EQ(FalseClaims(ClaimsOf(heat)), "");
  for (const Race& race : heat.races) {
    for (const Entry& entry : race.entries) {
      SCOPED_TRACE(race.model + " on " + entry.machine->name);
      const bool idle = entry.source == chips::SIMULATED && entry.simulation.launches.empty();
      EXPECT_EQ(entry.seconds > 0, !idle);
      EXPECT_EQ(entry.bytes > 0, !idle);
      EXPECT_EQ(entry.joules.has_value(), entry.machine->device != "cpu");
      EXPECT_EQ(entry.outputs.empty(), entry.machine->device == "model");
    }
  }
}

TEST(FiveMachinesTest, Int8ClaimsHold) {
  STRATA_ASSERT_OK_AND_ASSIGN(const LabModel lenet, Int8LeNet());
  STRATA_ASSERT_OK_AND_ASSIGN(const LabModel resnet, Int8ResNet18(32));
  CheckHeat({lenet, resnet});
}

TEST(FiveMachinesTest, Bf16ClaimsHold) {
  STRATA_ASSERT_OK_AND_ASSIGN(const LabModel prefill, Bf16GptBlock(64));
  STRATA_ASSERT_OK_AND_ASSIGN(const LabModel decode, Bf16GptBlock(1));
  CheckHeat({prefill, decode});
}

}  // namespace
}  // namespace strata::courses
