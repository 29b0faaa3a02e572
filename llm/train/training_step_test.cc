#include "llm/train/training_step.h"

#include <map>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "framework/graph/interpreter.h"
#include "framework/nn/parameters.h"
#include "gtest/gtest.h"
#include "llm/model/decoder.h"
#include "llm/train/recipe.h"

namespace strata::llm {
namespace {

using graph::HostTensor;
using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

Recipe TinyRecipe() {
  Recipe recipe;
  recipe.mutable_model()->set_architecture("gpt2");
  recipe.mutable_model()->set_context(8);
  recipe.mutable_model()->set_layers(1);
  recipe.mutable_model()->set_width(8);
  recipe.mutable_model()->set_heads(2);
  recipe.set_batch(2);
  recipe.set_sequence(5);
  recipe.set_steps(20);
  recipe.set_learning_rate(0.01);
  recipe.set_weight_decay(0.1);
  recipe.set_clip_norm(1);
  return recipe;
}

// The losses of 20 steps on one batch, interpreted.
std::vector<double> TrainTiny(double loss_scale) {
  Recipe tiny = TinyRecipe();
  tiny.set_loss_scale(loss_scale);
  const absl::StatusOr<Recipe> complete = CompleteRecipe(tiny, 11);
  EXPECT_OK(complete.status());
  const Recipe& recipe = *complete;
  std::vector<double> losses;
  [&] {
    STRATA_ASSERT_OK_AND_ASSIGN(graph::Graph step, BuildTrainingStep(recipe));
    std::map<std::string, HostTensor> tensors;
    for (const framework::ParameterSpec& spec : DecoderParameters(recipe.model())) {
      tensors[spec.name] = framework::InitParameter(spec, 1);
      tensors[spec.name + ".m"] = HostTensor::Zeros(chips::F32, spec.dims);
      tensors[spec.name + ".v"] = HostTensor::Zeros(chips::F32, spec.dims);
    }
    tensors["tokens"] = HostTensor::FromVector<int32_t>({2, 5}, {1, 2, 3, 4, 5, 10, 9, 8, 7, 6});
    tensors["targets"] = HostTensor::FromVector<int32_t>({2, 5}, {2, 3, 4, 5, 6, 9, 8, 7, 6, 5});
    tensors["lr"] = HostTensor::FromVector<float>({}, {0.01f});
    tensors["loss_scale.shift"] = HostTensor::Zeros(chips::F32, {});
    tensors["loss_scale.good_steps"] = HostTensor::Zeros(chips::F32, {});
    tensors["loss_scale.taken"] = HostTensor::Zeros(chips::F32, {});
    graph::Interpreter interpreter;
    for (int i = 1; i <= 20; ++i) {
      tensors["step"] = HostTensor::FromVector<float>({}, {static_cast<float>(i)});
      std::vector<HostTensor> inputs;
      for (const auto& input : step.inputs()) {
        inputs.push_back(tensors.at(step.values(static_cast<int>(input.value())).name()));
      }
      STRATA_ASSERT_OK_AND_ASSIGN(auto outputs, interpreter.Evaluate(step, inputs));
      ASSERT_EQ(step.outputs(0).name(), "loss");
      losses.push_back(outputs[0].ToDoubles()[0]);
    }
  }();
  return losses;
}

TEST(TrainingStep, LossFallsUnderTheInterpreter) {
  const std::vector<double> losses = TrainTiny(/*loss_scale=*/0);
  ASSERT_EQ(losses.size(), 20u);
  EXPECT_NEAR(losses.front(), 2.4, 0.1) << "ln 11 at random initialisation";
  EXPECT_LT(losses.back(), losses.front() - 0.5);
}

// A power of two scales exactly; the loss that is reported is the true one.
TEST(TrainingStep, LossScalingChangesNothingWhileAllIsFinite) {
  const std::vector<double> plain = TrainTiny(0), scaled = TrainTiny(1024);
  ASSERT_EQ(scaled.size(), 20u);
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(plain[i], scaled[i], 1e-5) << "step " << i;
}

TEST(Recipe, BadFieldsAreNamed) {
  Recipe recipe = TinyRecipe();
  for (double bad : {3.0, -2.0, 0.5, 1e25}) {
    recipe.set_loss_scale(bad);
    EXPECT_THAT(CompleteRecipe(recipe, 11), StatusIs(kInvalid, HasSubstr("loss_scale")));
  }
  recipe = TinyRecipe();
  recipe.set_compute_dtype(chips::F16);
  EXPECT_THAT(CompleteRecipe(recipe, 11), StatusIs(kInvalid, HasSubstr("compute_dtype: F16")));
  recipe = TinyRecipe();
  recipe.set_sequence(9);
  EXPECT_THAT(CompleteRecipe(recipe, 11), StatusIs(kInvalid, HasSubstr("sequence: 9")));
  recipe = TinyRecipe();
  recipe.set_ranks(3);
  EXPECT_THAT(CompleteRecipe(recipe, 11),
              StatusIs(kInvalid, HasSubstr("batch: 2 rows cannot be dealt out evenly to 3")));
  recipe = TinyRecipe();
  recipe.set_beta1(1.2);
  EXPECT_THAT(CompleteRecipe(recipe, 11), StatusIs(kInvalid, HasSubstr("beta1")));
  recipe = TinyRecipe();
  recipe.set_learning_rate(0);
  EXPECT_THAT(CompleteRecipe(recipe, 11), StatusIs(kInvalid, HasSubstr("learning_rate")));
  recipe = TinyRecipe();
  recipe.mutable_model()->set_heads(3);
  EXPECT_THAT(CompleteRecipe(recipe, 11), StatusIs(kInvalid, HasSubstr("model: heads: 3")));
  recipe = TinyRecipe();
  recipe.clear_model();
  recipe.set_model_name("gpt9");
  EXPECT_THAT(CompleteRecipe(recipe, 11), StatusIs(absl::StatusCode::kNotFound,
                                                   HasSubstr("model_name: no model named 'gpt9'")));
}

}  // namespace
}  // namespace strata::llm
