// Runs that end and go on: to the bit, whatever was lost in between.
#include "llm/train/run.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "base/file.h"
#include "base/status_matchers.h"
#include "distributed/checkpoint/store.h"
#include "gtest/gtest.h"
#include "llm/train/checkpoint.h"
#include "llm/train/recipe.h"

namespace strata::llm {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSteps = 6;

Recipe TinyRecipe(const std::string& output) {
  Recipe recipe;
  recipe.mutable_model()->set_architecture("gpt2");
  recipe.mutable_model()->set_context(8);
  recipe.mutable_model()->set_layers(1);
  recipe.mutable_model()->set_width(8);
  recipe.mutable_model()->set_heads(2);
  recipe.set_batch(2);
  recipe.set_sequence(5);
  recipe.set_steps(kSteps);
  recipe.set_learning_rate(0.01);
  recipe.set_ranks(2);
  recipe.set_checkpoint_every(2);
  recipe.set_output(output);
  const absl::StatusOr<Recipe> complete = CompleteRecipe(recipe, 11);
  EXPECT_OK(complete);
  return complete.value_or(recipe);
}

TrainingText Text() {
  TrainingText text;
  std::mt19937_64 random(1);
  for (int i = 0; i < 100; ++i) text.tokens.push_back(static_cast<int32_t>(random() % 11));
  text.tokenizer_json = "{}";
  return text;
}

absl::StatusOr<RunResult> Train(const Recipe& recipe, int64_t stop_after = 0, bool resume = true) {
  RunOptions options;
  options.progress = false;
  options.stop_after = stop_after;
  options.resume = resume;
  options.cache_dir = JoinPath(testing::TempDir(), "cache");
  return RunTraining(recipe, Text(), options);
}

std::string FreshFolder(const std::string& name) {
  const std::string folder = JoinPath(testing::TempDir(), name);
  std::filesystem::remove_all(folder);
  return folder;
}

class RunTest : public testing::Test {
 protected:
  // A run without a break.
  static void SetUpTestSuite() {
    straight_ = new RunResult;
    STRATA_ASSERT_OK_AND_ASSIGN(*straight_, Train(TinyRecipe(FreshFolder("straight"))));
    ASSERT_EQ(straight_->steps.size(), static_cast<size_t>(kSteps));
  }

  // The run's last steps, and the model in the end, are those of the straight run.
  static void ExpectSameEnd(const RunResult& result, size_t steps) {
    ASSERT_EQ(result.steps.size(), steps);
    for (size_t i = 0; i < steps; ++i) {
      const StepResult& want = straight_->steps[kSteps - steps + i];
      EXPECT_EQ(result.steps[i].step, want.step);
      EXPECT_EQ(result.steps[i].loss, want.loss) << "step " << want.step;
    }
    for (const char* file : {"model.safetensors", "config.json", "tokenizer.json"}) {
      EXPECT_EQ(ReadFile(JoinPath(result.checkpoint, file)).value_or("none"),
                ReadFile(JoinPath(straight_->checkpoint, file)).value_or(""));
    }
  }

  static RunResult* straight_;
};
RunResult* RunTest::straight_ = nullptr;

TEST_F(RunTest, ResumesToTheBit) {
  const Recipe recipe = TinyRecipe(FreshFolder("resumed"));
  ASSERT_OK(Train(recipe, /*stop_after=*/3));
  STRATA_ASSERT_OK_AND_ASSIGN(const RunResult result, Train(recipe));
  ExpectSameEnd(result, 3);
}

TEST_F(RunTest, ResumesFromTheStateBeforeADamagedOne) {
  const Recipe recipe = TinyRecipe(FreshFolder("damaged"));
  ASSERT_OK(Train(recipe, /*stop_after=*/4));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto commits,
                              distributed::ListCommits(StateFolder(recipe.output())));
  ASSERT_EQ(commits.whole.size(), 2u);
  for (const auto& entry : std::filesystem::directory_iterator(commits.whole[0].folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('\x55');
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const RunResult result, Train(recipe));
  ExpectSameEnd(result, 4);
}

TEST_F(RunTest, StartsAnewWhenAskedTo) {
  const Recipe recipe = TinyRecipe(FreshFolder("fresh"));
  ASSERT_OK(Train(recipe, /*stop_after=*/4));
  STRATA_ASSERT_OK_AND_ASSIGN(const RunResult fresh, Train(recipe, /*stop_after=*/2, false));
  EXPECT_EQ(fresh.steps.size(), 2u);
  STRATA_ASSERT_OK_AND_ASSIGN(const RunResult result, Train(recipe));
  ExpectSameEnd(result, kSteps - 2);
}

TEST_F(RunTest, RefusesTheStateOfAnotherRun) {
  Recipe recipe = TinyRecipe(FreshFolder("other"));
  ASSERT_OK(Train(recipe, /*stop_after=*/1));
  recipe.set_learning_rate(0.02);
  EXPECT_THAT(Train(recipe), StatusIs(absl::StatusCode::kFailedPrecondition,
                                      HasSubstr("was trained by another recipe")));
}

TEST_F(RunTest, RefusesToWriteOverAnOlderFormat) {
  const Recipe recipe = TinyRecipe(FreshFolder("older"));
  const std::string old = JoinPath(recipe.output(), "checkpoint-000002");
  ASSERT_OK(MakeDirectories(old));
  ASSERT_OK(WriteFileAtomic(JoinPath(old, "optimizer.safetensors"), "x"));
  EXPECT_THAT(Train(recipe), StatusIs(absl::StatusCode::kFailedPrecondition,
                                      HasSubstr(old + ": is a checkpoint of an older format")));
}

}  // namespace
}  // namespace strata::llm
