// The lab's claims on small images: the test fails when one of them is false. Nothing that is timed decides.
#include "courses/chips/five_machines/race.h"

#include "base/status_matchers.h"
#include "courses/chips/five_machines/models.h"
#include "courses/lab/false_claims.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

// The claims hold, and each machine has its figures.
void CheckHeat(const Heat& heat) {
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

Entry& Of(Race& race, const std::string& machine) {
  for (Entry& entry : race.entries)
    if (entry.machine->name == machine) return entry;
  ADD_FAILURE() << "no machine " << machine;
  return race.entries[0];
}

TEST(FiveMachinesTest, Int8ClaimsHold) {
  STRATA_ASSERT_OK_AND_ASSIGN(const LabModel lenet, Int8LeNet());
  STRATA_ASSERT_OK_AND_ASSIGN(const LabModel resnet, Int8ResNet18(32));
  STRATA_ASSERT_OK_AND_ASSIGN(const Heat heat, RunHeat({lenet, resnet}, 1, /*quick=*/true));
  CheckHeat(heat);
  const auto fails = [&](size_t place, const auto& spoil) { return FailsWhen(heat, place, spoil); };
  EXPECT_TRUE(fails(0, [](Heat& h) { Of(h.races[0], "edge_16").outputs.clear(); }));
  EXPECT_TRUE(fails(1, [](Heat& h) { Of(h.races[0], "edge_16").host_flops = h.races[0].flops; }));
  EXPECT_TRUE(fails(2, [](Heat& h) { Of(h.races[1], "edge_16").bytes = 0; }));
  EXPECT_TRUE(fails(3, [](Heat& h) { Of(h.races[0], "edge_16").utilisation = 0; }));
  EXPECT_TRUE(fails(4, [](Heat& h) { h.races[1] = h.races[0]; }));
  EXPECT_TRUE(fails(5, [](Heat& h) { Of(h.races[0], "h100").seconds *= 2; }));
  EXPECT_TRUE(fails(6, [](Heat& h) { Of(h.races[0], "edge_16").dram_joules = 0; }));
  EXPECT_TRUE(fails(7, [](Heat& h) { Of(h.races[0], "h100").utilisation = 2; }));
}

TEST(FiveMachinesTest, Bf16ClaimsHold) {
  STRATA_ASSERT_OK_AND_ASSIGN(const LabModel prefill, Bf16GptBlock(64));
  STRATA_ASSERT_OK_AND_ASSIGN(const LabModel decode, Bf16GptBlock(1));
  STRATA_ASSERT_OK_AND_ASSIGN(const Heat heat, RunHeat({prefill, decode}, 1, /*quick=*/true));
  CheckHeat(heat);
  const auto fails = [&](size_t place, const auto& spoil) { return FailsWhen(heat, place, spoil); };
  EXPECT_TRUE(fails(0, [](Heat& h) { Of(h.races[0], "edge_16").difference = 1; }));
  EXPECT_TRUE(fails(1, [](Heat& h) { h.races[1] = h.races[0]; }));
  EXPECT_TRUE(fails(2, [](Heat& h) { Of(h.races[0], "edge_16").dram_joules = 0; }));
  EXPECT_TRUE(fails(3, [](Heat& h) { Of(h.races[0], "h100").utilisation = 2; }));
}

}  // namespace
}  // namespace strata::courses
