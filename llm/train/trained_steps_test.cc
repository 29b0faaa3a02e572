// From training to the engine's steps: a tiny model learns a made task under the interpreter, and what its packed steps
// write is the task's continuation.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "framework/graph/interpreter.h"
#include "framework/nn/parameters.h"
#include "gtest/gtest.h"
#include "llm/model/decoder.h"
#include "llm/model/local_model.h"
#include "llm/model/step_harness.h"
#include "llm/train/recipe.h"
#include "llm/train/training_step.h"

namespace strata::llm {
namespace {

using graph::HostTensor;

constexpr int64_t kVocabulary = 11, kLength = 12, kBatch = 8;

// A walk through the tokens: each is followed by 3 t + 1 mod 11.
int32_t Next(int32_t token) { return (3 * token + 1) % static_cast<int32_t>(kVocabulary); }

Recipe TinyRecipe(const std::string& architecture) {
  Recipe recipe;
  DecoderConfig& model = *recipe.mutable_model();
  model.set_architecture(architecture);
  model.set_context(24);
  model.set_layers(1);
  model.set_width(32);
  model.set_heads(2);
  model.set_mlp_width(32);
  model.set_init_std(0.1);
  if (architecture == "mixtral") model.mutable_experts()->set_count(4);
  recipe.set_batch(kBatch);
  recipe.set_sequence(kLength);
  recipe.set_steps(60);
  recipe.set_learning_rate(0.02);
  recipe.set_clip_norm(1);
  return recipe;
}

// The parameters after `steps` steps.
inference::WeightMap Train(const Recipe& recipe, int steps) {
  inference::WeightMap tensors;
  const absl::StatusOr<graph::Graph> step = BuildTrainingStep(recipe);
  EXPECT_OK(step.status());
  if (!step.ok()) return tensors;
  for (const framework::ParameterSpec& spec : DecoderParameters(recipe.model())) {
    tensors[spec.name] = framework::InitParameter(spec, 1);
    tensors[spec.name + ".m"] = HostTensor::Zeros(chips::F32, spec.dims);
    tensors[spec.name + ".v"] = HostTensor::Zeros(chips::F32, spec.dims);
  }
  tensors["lr"] = HostTensor::FromVector<float>({}, {static_cast<float>(recipe.learning_rate())});
  graph::Interpreter interpreter;
  for (int i = 1; i <= steps; ++i) {
    std::vector<int32_t> tokens, targets;
    for (int64_t row = 0; row < kBatch; ++row) {
      int32_t token = static_cast<int32_t>((row + i) % kVocabulary);
      for (int64_t t = 0; t < kLength; ++t, token = Next(token)) {
        tokens.push_back(token);
        targets.push_back(Next(token));
      }
    }
    tensors["tokens"] = HostTensor::FromVector<int32_t>({kBatch, kLength}, tokens);
    tensors["targets"] = HostTensor::FromVector<int32_t>({kBatch, kLength}, targets);
    tensors["step"] = HostTensor::FromVector<float>({}, {static_cast<float>(i)});
    std::vector<HostTensor> inputs;
    for (const auto& input : step->inputs())
      inputs.push_back(tensors.at(step->values(static_cast<int>(input.value())).name()));
    EXPECT_OK(interpreter.Evaluate(*step, inputs).status());
  }
  return tensors;
}

class TrainedStepsTest : public testing::TestWithParam<const char*> {};

TEST_P(TrainedStepsTest, WritesWhatItWasTaught) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Recipe recipe,
                              CompleteRecipe(TinyRecipe(GetParam()), kVocabulary));
  const inference::WeightMap weights = Train(recipe, 40);
  for (const char* format : {"", "q8_0"}) {
    STRATA_ASSERT_OK_AND_ASSIGN(
        auto model, MakeDecoderModel("trained", recipe.model(), weights, {.format = format}));
    graph::Interpreter interpreter;
    StepHarness harness(*model, interpreter, {.kv = inference::KvFormat::kF16, .shuffle = 2});
    int32_t token = 5;
    for (int i = 0; i < 12; ++i) {
      STRATA_ASSERT_OK_AND_ASSIGN(const auto logits, harness.Step({{0, token}}));
      const auto best = std::max_element(logits[0].begin(), logits[0].end());
      ASSERT_EQ(best - logits[0].begin(), Next(token)) << "after " << i << " tokens; " << format;
      token = Next(token);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, TrainedStepsTest,
                         testing::Values("gpt2", "llama", "gemma2", "mixtral"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace strata::llm
