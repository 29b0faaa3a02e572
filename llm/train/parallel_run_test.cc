// Whole runs of a GPT and a mixture of experts on four ranks (threads, compiled programs) have the losses of one rank;
// what one mesh saved another resumes.
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "llm/model/tiny_models.h"
#include "llm/train/recipe.h"
#include "llm/train/run.h"

namespace strata::llm {
namespace {

constexpr char kDp2[] = "mesh { name: 'dp' kind: DATA_PARALLEL size: 2 } ";
constexpr char kTp2[] = "mesh { name: 'tp' kind: TENSOR_PARALLEL size: 2 } ";
constexpr char kPp2[] = "mesh { name: 'pp' kind: PIPELINE_PARALLEL size: 2 } microbatches: 2 ";
constexpr char kEp2[] = "mesh { name: 'ep' kind: EXPERT_PARALLEL size: 2 } ";

Recipe TinyRecipe(const std::string& architecture, const std::string& parallel) {
  Recipe recipe;
  *recipe.mutable_model() = TinyConfig(architecture);
  recipe.set_batch(8);
  recipe.set_sequence(16);
  recipe.set_steps(4);
  recipe.set_learning_rate(3e-3);
  recipe.set_clip_norm(1);
  recipe.set_weight_decay(0.1);
  if (!parallel.empty()) {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(parallel, recipe.mutable_parallel()));
  }
  return recipe;
}

TrainingText Letters() {
  TrainingText text;
  text.tokenizer_json = "{}";
  uint32_t state = 1;
  for (int i = 0; i < 4000; ++i) {
    state = state * 1664525u + 1013904223u;
    text.tokens.push_back(static_cast<int32_t>((i % 7) * 5 + ((state >> 30) == 0)));
  }
  return text;
}

absl::StatusOr<RunResult> TrainOn(const Recipe& incomplete, int64_t stop_after = 0) {
  STRATA_ASSIGN_OR_RETURN(const Recipe recipe, CompleteRecipe(incomplete, 61));
  RunOptions options;
  options.progress = false;
  options.stop_after = stop_after;
  options.profile_step = 2;
  options.cache_dir = absl::StrCat(::testing::TempDir(), "/kernels");
  return RunTraining(recipe, Letters(), options);
}

void ExpectSameLosses(const std::vector<StepResult>& got, const std::vector<StepResult>& want) {
  ASSERT_EQ(got.size(), want.size());
  // Sums of some thousand rounded terms in another order, a few steps on.
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i].loss, want[i].loss, 2e-4) << i;
}

TEST(ParallelRunTest, FourRanksTrainAGptLikeOne) {
  STRATA_ASSERT_OK_AND_ASSIGN(const RunResult alone, TrainOn(TinyRecipe("gpt2", "")));
  for (const std::string& plan :
       {absl::StrCat(kDp2, kTp2), absl::StrCat(kDp2, kTp2, "zero: ZERO_3"),
        absl::StrCat(kTp2, "sequence_parallel: true ", kPp2),
        absl::StrCat(kDp2, kPp2, "zero: ZERO_1")}) {
    SCOPED_TRACE(plan);
    STRATA_ASSERT_OK_AND_ASSIGN(const RunResult together, TrainOn(TinyRecipe("gpt2", plan)));
    ExpectSameLosses(together.steps, alone.steps);
    EXPECT_GT(together.steps.back().sent_bytes, 0);
    EXPECT_EQ(together.timelines.size(), 4u);  // of all ranks
  }
}

TEST(ParallelRunTest, FourRanksTrainAMixtureOfExpertsLikeOne) {
  STRATA_ASSERT_OK_AND_ASSIGN(const RunResult alone, TrainOn(TinyRecipe("mixtral", "")));
  for (const std::string& plan : {absl::StrCat(kEp2, kDp2), absl::StrCat(kEp2, kPp2)}) {
    SCOPED_TRACE(plan);
    STRATA_ASSERT_OK_AND_ASSIGN(const RunResult together, TrainOn(TinyRecipe("mixtral", plan)));
    ExpectSameLosses(together.steps, alone.steps);
  }
}

TEST(ParallelRunTest, WhatOneMeshSavedAnotherResumes) {
  const std::string output = absl::StrCat(::testing::TempDir(), "/parallel_run");
  std::filesystem::remove_all(output);
  STRATA_ASSERT_OK_AND_ASSIGN(const RunResult alone, TrainOn(TinyRecipe("llama", "")));
  Recipe recipe = TinyRecipe("llama", absl::StrCat(kDp2, kTp2, "zero: ZERO_2"));
  recipe.set_output(output);
  STRATA_ASSERT_OK_AND_ASSIGN(const RunResult begun, TrainOn(recipe, 2));
  EXPECT_EQ(begun.checkpoint, absl::StrCat(output, "/checkpoint-000002"));
  EXPECT_OK(ReadFile(absl::StrCat(begun.checkpoint, "/model.safetensors")));
  recipe = TinyRecipe("llama", kPp2);
  recipe.set_output(output);
  STRATA_ASSERT_OK_AND_ASSIGN(const RunResult ended, TrainOn(recipe));
  std::vector<StepResult> all = begun.steps;
  all.insert(all.end(), ended.steps.begin(), ended.steps.end());
  ExpectSameLosses(all, alone.steps);

  recipe.set_learning_rate(1e-4);
  EXPECT_THAT(TrainOn(recipe), StatusIs(absl::StatusCode::kFailedPrecondition,
                                        ::testing::HasSubstr("another recipe")));
}

TEST(ParallelRunTest, RecipesThatDoNotFitAreRefused) {
  Recipe recipe = TinyRecipe("llama", kDp2);
  recipe.set_ranks(3);
  EXPECT_THAT(TrainOn(recipe), StatusIs(absl::StatusCode::kInvalidArgument,
                                        ::testing::HasSubstr("ranks: 3 are there")));
  recipe = TinyRecipe("llama", kDp2);
  recipe.set_batch(3);
  EXPECT_THAT(TrainOn(recipe),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("batch: 3 rows")));
  recipe = TinyRecipe("llama", kPp2);
  recipe.set_pipeline_schedule("round");
  EXPECT_THAT(TrainOn(recipe),
              StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("parallel: schedule")));
}

}  // namespace
}  // namespace strata::llm
