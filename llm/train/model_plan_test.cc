#include "llm/train/model_plan.h"

#include <map>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "distributed/plan/validate.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "llm/model/config.h"
#include "llm/model/tiny_models.h"

namespace strata::llm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

parallel::ParallelPlan Parse(const std::string& text) {
  parallel::ParallelPlan plan;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &plan)) << text;
  return plan;
}

constexpr char kTp2[] = "mesh { name: 'tp' kind: TENSOR_PARALLEL size: 2 }";
constexpr char kPp2[] = "mesh { name: 'pp' kind: PIPELINE_PARALLEL size: 2 } microbatches: 4";

std::map<std::string, std::vector<std::string>> Cuts(const parallel::ParallelPlan& plan) {
  std::map<std::string, std::vector<std::string>> cuts;
  for (const auto& sharding : plan.shardings())
    cuts[sharding.tensor()] = {sharding.axes().begin(), sharding.axes().end()};
  return cuts;
}

TEST(ModelPlanTest, MegatronsCutsByRole) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto plan, CompletePlan(TinyConfig("llama"), Parse(kTp2)));
  auto cuts = Cuts(plan);
  EXPECT_THAT(cuts["model.layers.0.self_attn.q_proj.weight"], ElementsAre("tp", ""));
  EXPECT_THAT(cuts["model.layers.1.self_attn.o_proj.weight"], ElementsAre("", "tp"));
  EXPECT_THAT(cuts["model.layers.0.mlp.up_proj.weight"], ElementsAre("tp", ""));
  EXPECT_THAT(cuts["model.layers.0.mlp.down_proj.weight"], ElementsAre("", "tp"));
  EXPECT_EQ(cuts.count("model.layers.0.input_layernorm.weight"), 0u);
  EXPECT_EQ(cuts.count("lm_head.weight"), 0u);  // 61 rows
}

TEST(ModelPlanTest, MatricesThatLieInputMajorAreCutTheOtherWay) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto plan, CompletePlan(TinyConfig("gpt2"), Parse(kTp2)));
  auto cuts = Cuts(plan);
  EXPECT_THAT(cuts["h.0.mlp.c_fc.weight"], ElementsAre("", "tp"));
  EXPECT_THAT(cuts["h.0.mlp.c_fc.bias"], ElementsAre("tp"));
  EXPECT_THAT(cuts["h.0.mlp.c_proj.weight"], ElementsAre("tp", ""));
  EXPECT_EQ(cuts.count("h.0.mlp.c_proj.bias"), 0u);
  EXPECT_EQ(cuts.count("h.0.attn.c_attn.weight"), 0u);  // q, k and v in one
}

TEST(ModelPlanTest, ExpertsAreDealtOut) {
  const std::string mesh = std::string(kTp2) + " mesh { name: 'ep' kind: EXPERT_PARALLEL size: 2 }";
  STRATA_ASSERT_OK_AND_ASSIGN(const auto plan, CompletePlan(TinyConfig("mixtral"), Parse(mesh)));
  bool experts = false;
  for (const auto& [name, cut] : Cuts(plan)) {
    if (cut.size() != 3) continue;
    experts = true;
    EXPECT_EQ(cut[0], "ep") << name;
    EXPECT_TRUE(cut[1] == "tp" || cut[2] == "tp") << name;
  }
  EXPECT_TRUE(experts);
}

TEST(ModelPlanTest, LayersAreDealtOutToChunks) {
  DecoderConfig config = TinyConfig("llama");
  config.set_layers(4);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto plan, CompletePlan(config, Parse(kPp2)));
  EXPECT_OK(ValidateParallelPlan(plan));
  ASSERT_EQ(plan.chunks_size(), 2);
  EXPECT_THAT(plan.chunks(0).nodes(),
              ElementsAre("model.layers.0", "model.layers.1", "model.embed_tokens"));
  EXPECT_THAT(plan.chunks(1).nodes(), ::testing::Contains("model.norm"));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto both,
                              CompletePlan(config, Parse(kPp2), {.schedule = "zb_v"}));
  EXPECT_EQ(both.chunks_size(), 4);
  EXPECT_THAT(CompletePlan(TinyConfig("llama"), Parse(kPp2), {.schedule = "zb_v"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("wants 4 chunks")));
  EXPECT_THAT(CompletePlan(config, Parse(kPp2), {.schedule = "none"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("1f1b")));
}

TEST(ModelPlanTest, WhatIsThereIsKept) {
  const std::string mine = std::string(kTp2) + " shardings { tensor: '*.mlp.*' axes: 'tp' }";
  STRATA_ASSERT_OK_AND_ASSIGN(const auto plan, CompletePlan(TinyConfig("llama"), Parse(mine)));
  EXPECT_EQ(plan.shardings_size(), 1);
}

}  // namespace
}  // namespace strata::llm
