// The lab's claims on smaller models, counted.
#include "courses/compiler/pass_ablation/ablation.h"

#include "base/status_matchers.h"
#include "courses/compiler/pass_ablation/models.h"
#include "courses/compiler/pass_ablation/report.h"
#include "courses/lab/false_claims.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

TEST(PassAblationTest, EveryClaimHolds) {
  const CnnSizes small_cnn{.batch = 2, .image = 8, .channels = 8};
  const GptSizes small_gpt{.batch = 2, .tokens = 32, .vocabulary = 61, .width = 32, .layers = 2};
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph cnn_graph, CnnTrainingStep(small_cnn));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph gpt_graph, GptTrainingStep(small_gpt));
  STRATA_ASSERT_OK_AND_ASSIGN(const Ablation cnn, Ablate("cnn", cnn_graph, small_cnn.classes, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Ablation gpt,
                              Ablate("gpt", gpt_graph, small_gpt.vocabulary, {}));
  const std::vector<Claim> claims = ClaimsOf(cnn, gpt);
  EXPECT_EQ(FalseClaims(claims), "");
  const Report report = MakeReport({&cnn, &gpt}, claims);
  EXPECT_TRUE(report.passed());
  EXPECT_NE(report.Html().find("attention_fusion"), std::string::npos);
  EXPECT_EQ(cnn.All().seconds, 0);  // counted only
}

}  // namespace
}  // namespace strata::courses
