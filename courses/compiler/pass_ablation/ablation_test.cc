// The lab's claims on smaller models, counted.
#include "courses/compiler/pass_ablation/ablation.h"

#include <utility>

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
  STRATA_ASSERT_OK_AND_ASSIGN(Ablation cnn, Ablate("cnn", cnn_graph, small_cnn.classes, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(Ablation gpt, Ablate("gpt", gpt_graph, small_gpt.vocabulary, {}));
  const std::vector<Claim> claims = ClaimsOf(cnn, gpt);
  EXPECT_EQ(FalseClaims(claims), "");
  // Claim `place` fails when one of the variants is spoiled.
  const auto fails = [&](size_t place, const Variant& what, const auto& spoil) {
    const Variant kept = what;
    spoil(Mutable(what));
    const bool failed = !ClaimsOf(cnn, gpt).at(place).holds;
    Mutable(what) = kept;
    return failed;
  };
  const auto no_launches = [](Variant& v) { v.launches = 0; };
  const auto no_bytes = [](Variant& v) { v.bytes = 0; };
  for (const auto& [ablation, first] : {std::pair{&cnn, 0}, std::pair{&gpt, 4}}) {
    const Ablation& a = *ablation;
    const auto at = [&, first = first](int i) { return static_cast<size_t>(first + i); };
    EXPECT_TRUE(fails(at(0), a.All(), [](Variant& v) { v.worst = 1; }));
    EXPECT_TRUE(fails(at(1), a.Without("fusion"), no_bytes));
    EXPECT_TRUE(fails(at(2), a.Without("no pass at all"), no_bytes));
    EXPECT_TRUE(fails(at(3), a.All(), [](Variant& v) { v.host_calls = 1; }));
    EXPECT_TRUE(fails(first == 0 ? 11 : 12, a.Emitted(false), no_launches));
  }
  EXPECT_TRUE(fails(8, gpt.Without("attention_fusion"), no_bytes));
  EXPECT_TRUE(fails(9, gpt.Without("optimizer_fusion"), no_launches));
  EXPECT_TRUE(fails(10, gpt.Without("decompose"), [](Variant& v) { v.host_calls = 0; }));
  EXPECT_TRUE(fails(13, cnn.Without("transpose_sinking + layout_assignment"), no_bytes));
  const Report report = MakeReport({&cnn, &gpt}, claims);
  EXPECT_TRUE(report.passed());
  EXPECT_NE(report.Html().find("attention_fusion"), std::string::npos);
  EXPECT_EQ(cnn.All().seconds, 0);  // counted only
}

}  // namespace
}  // namespace strata::courses
