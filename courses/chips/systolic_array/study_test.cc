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

LayerStudy& Named(Study& study, const std::string& name) {
  for (LayerStudy& layer : study.mapped[kResNet50].layers)
    if (layer.name == name) return layer;
  ADD_FAILURE() << "no layer " << name;
  return study.mapped[kResNet50].layers[0];
}

TEST(SystolicArrayTest, SpoiledResultsAreNoticed) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Study study, RunStudy());
  enum Flow : size_t { kWs, kOs, kIs };
  const auto fails = [&](size_t place, const auto& spoil) {
    return FailsWhen(study, place, spoil);
  };
  EXPECT_TRUE(fails(0, [](Study& s) { ++s.grid[0].grid_cycles; }));
  EXPECT_TRUE(fails(1, [](Study& s) {
    for (LayerStudy& layer : s.mapped[kResNet50].layers) layer.plain[kWs].cycles = 0;
  }));
  EXPECT_TRUE(fails(2, [](Study& s) { Named(s, "conv5 3x3").plain[kWs].cycles = 1; }));
  EXPECT_TRUE(fails(3, [](Study& s) { Named(s, "conv2 out").plain[kOs].cycles = 1; }));
  EXPECT_TRUE(fails(4, [](Study& s) { Named(s, "conv5 3x3").honest[kOs].cycles = 1; }));
  EXPECT_TRUE(fails(5, [](Study& s) { Named(s, "conv2 out").honest[kWs].cycles *= 2; }));
  EXPECT_TRUE(fails(6, [](Study& s) {
    for (LayerStudy& layer : s.by_side[kDecode][2].layers) layer.honest[kWs].cycles = 1;
  }));
  EXPECT_TRUE(fails(7, [](Study& s) { s.by_k[0].plain[kOs] = 1; }));
  EXPECT_TRUE(fails(8, [](Study& s) { s.by_form[kDecode].back() = s.by_form[kDecode].front(); }));
  EXPECT_TRUE(fails(9, [](Study& s) { s.by_form[kDecode] = s.by_form[kResNet50]; }));
  EXPECT_TRUE(fails(10, [](Study& s) { s.by_side[kResNet50][3] = s.by_side[kResNet50][2]; }));
  EXPECT_TRUE(fails(11, [](Study& s) { ++s.mapped[1].layers[0].plain[kWs].filter_reads; }));
  EXPECT_TRUE(fails(12, [](Study& s) { s.dram.back() = s.dram.front(); }));
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
