// The lab's claims: the test fails when one of them is false.
#include "courses/chips/systolic_array/study.h"

#include "base/status_matchers.h"
#include "courses/lab/false_claims.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

TEST(SystolicArrayTest, EveryClaimHolds) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Study study, RunStudy());
  EXPECT_GE(study.grid.size(), 100u);
  EXPECT_EQ(FalseClaims(ClaimsOf(study)), "");
}

// The layers are those of the networks: multiply-adds as published, or as the model's sizes give.
TEST(SystolicArrayTest, LayersAreTheNetworks) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<Network> networks, LabNetworks());
  const auto& conv1 = networks[kResNet50].topology.layers[0].gemm;
  EXPECT_EQ(conv1.m, 112 * 112);
  EXPECT_EQ(conv1.k, 7 * 7 * 3);
  const auto& conv5 = networks[kResNet50].topology.layers[11].gemm;
  EXPECT_EQ(conv5.m, 7 * 7);
  EXPECT_EQ(conv5.k, 3 * 3 * 512);
  // A GPT-2 block has 12 d^2 weights; its heads' products are of 64 channels.
  int64_t weights = 0;
  for (const auto& layer : networks[kDecode].topology.layers) {
    if (layer.name != "scores" && layer.name != "values") weights += layer.gemm.n * layer.gemm.k;
  }
  EXPECT_EQ(weights, 12 * 768 * 768);
}

}  // namespace
}  // namespace strata::courses
