#include "llm/train/training_step.h"

#include <map>
#include <string>

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
  recipe.mutable_model()->set_family(GPT2);
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

TEST(TrainingStep, LossFallsUnderTheInterpreter) {
  STRATA_ASSERT_OK_AND_ASSIGN(Recipe recipe, CompleteRecipe(TinyRecipe(), 11));
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
  graph::Interpreter interpreter;
  double first = 0, last = 0;
  for (int i = 1; i <= 20; ++i) {
    tensors["step"] = HostTensor::FromVector<float>({}, {static_cast<float>(i)});
    std::vector<HostTensor> inputs;
    for (const auto& input : step.inputs()) {
      inputs.push_back(tensors.at(step.values(static_cast<int>(input.value())).name()));
    }
    STRATA_ASSERT_OK_AND_ASSIGN(auto outputs, interpreter.Evaluate(step, inputs));
    ASSERT_EQ(step.outputs(0).name(), "loss");
    last = outputs[0].ToDoubles()[0];
    if (i == 1) first = last;
  }
  EXPECT_NEAR(first, 2.4, 0.1) << "ln 11 at random initialisation";
  EXPECT_LT(last, first - 0.5);
}

TEST(Recipe, BadFieldsAreNamed) {
  Recipe recipe = TinyRecipe();
  recipe.set_sequence(9);
  EXPECT_THAT(CompleteRecipe(recipe, 11), StatusIs(kInvalid, HasSubstr("sequence: 9")));
  recipe = TinyRecipe();
  recipe.set_ranks(3);
  EXPECT_THAT(CompleteRecipe(recipe, 11), StatusIs(kInvalid, HasSubstr("ranks: 3 does not divide the batch 2")));
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
  EXPECT_THAT(CompleteRecipe(recipe, 11), StatusIs(absl::StatusCode::kNotFound, HasSubstr("model_name: no model named 'gpt9'")));
}

}  // namespace
}  // namespace strata::llm
