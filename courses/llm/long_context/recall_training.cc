#include "courses/llm/long_context/recall_training.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>

#include "compiler/driver/compiled_evaluator.h"
#include "courses/llm/long_context/recall_task.h"
#include "framework/nn/parameters.h"
#include "llm/model/decoder.h"
#include "llm/model/local_model.h"
#include "llm/train/recipe.h"
#include "llm/train/training_step.h"

namespace strata::courses {
namespace {

using graph::HostTensor;

constexpr int64_t kBatch = 32, kWarmup = 20;

llm::Recipe RecipeOf(const RecallTraining& options) {
  llm::Recipe recipe;
  llm::DecoderConfig& model = *recipe.mutable_model();
  model.set_architecture("mistral");
  model.set_context(kRecallTokens);
  model.set_layers(2);
  model.set_width(32);
  model.set_heads(2);
  model.set_kv_heads(2);
  model.set_mlp_width(64);
  model.set_init_std(0.1);
  model.set_window(options.window);
  recipe.set_batch(kBatch);
  recipe.set_sequence(kRecallTokens);
  recipe.set_steps(options.steps);
  recipe.set_learning_rate(0.01);
  recipe.set_clip_norm(1);
  return recipe;
}

// A batch of texts, and what is wanted at each token.
struct Batch {
  std::vector<int32_t> tokens, targets;

  explicit Batch(std::mt19937_64& random) {
    for (int64_t row = 0; row < kBatch; ++row) {
      const auto key = static_cast<int32_t>(random() % kKeys);
      const auto place = static_cast<int64_t>(random() % (kLatestKey + 1));
      const std::vector<int32_t> text = RecallText(key, place, random());
      tokens.insert(tokens.end(), text.begin(), text.end());
      for (int64_t t = 0; t < kRecallTokens; ++t) targets.push_back(t < place ? kNone : key);
    }
  }
};

inference::WeightMap FirstTensors(const llm::DecoderConfig& config, uint64_t seed) {
  inference::WeightMap tensors;
  for (const framework::ParameterSpec& spec : llm::DecoderParameters(config)) {
    tensors[spec.name] = framework::InitParameter(spec, seed);
    tensors[spec.name + ".m"] = HostTensor::Zeros(chips::F32, spec.dims);
    tensors[spec.name + ".v"] = HostTensor::Zeros(chips::F32, spec.dims);
  }
  return tensors;
}

// Linear to the recipe's rate, then linear to nothing.
float Rate(const llm::Recipe& recipe, int64_t step) {
  const double up = static_cast<double>(step) / kWarmup;
  const double down = static_cast<double>(recipe.steps() + 1 - step) /
                      static_cast<double>(std::max<int64_t>(1, recipe.steps() - kWarmup));
  return static_cast<float>(recipe.learning_rate() * std::min({1.0, up, down}));
}

// The loss of the step; parameters and moments are updated in place.
absl::StatusOr<double> Step(graph::Evaluator& evaluator, const graph::Graph& graph,
                            const inference::WeightMap& tensors) {
  std::vector<HostTensor> inputs;
  for (const auto& input : graph.inputs()) {
    const std::string& name = graph.values(static_cast<int>(input.value())).name();
    const auto found = tensors.find(name);
    if (found == tensors.end())
      return absl::InternalError("the training step has an unknown input " + name);
    inputs.push_back(found->second);
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> outputs, evaluator.Evaluate(graph, inputs));
  return static_cast<double>(*outputs.at(0).data<float>());
}

}  // namespace

absl::StatusOr<RecallModel> TrainRecall(const RecallTraining& options) {
  STRATA_ASSIGN_OR_RETURN(const llm::Recipe recipe,
                          llm::CompleteRecipe(RecipeOf(options), kRecallVocabulary));
  STRATA_ASSIGN_OR_RETURN(const graph::Graph graph, llm::BuildTrainingStep(recipe));
  STRATA_ASSIGN_OR_RETURN(const auto evaluator, compiler::CompiledEvaluator::Create({}));
  inference::WeightMap tensors = FirstTensors(recipe.model(), options.seed);
  std::mt19937_64 random(options.seed);
  RecallModel result;
  for (int64_t step = 1; step <= options.steps; ++step) {
    const Batch batch(random);
    tensors["tokens"] = HostTensor::FromVector<int32_t>({kBatch, kRecallTokens}, batch.tokens);
    tensors["targets"] = HostTensor::FromVector<int32_t>({kBatch, kRecallTokens}, batch.targets);
    tensors["lr"] = HostTensor::FromVector<float>({}, {Rate(recipe, step)});
    tensors["step"] = HostTensor::FromVector<float>({}, {static_cast<float>(step)});
    STRATA_ASSIGN_OR_RETURN(const double loss, Step(*evaluator, graph, tensors));
    result.losses.push_back(loss);
  }
  STRATA_ASSIGN_OR_RETURN(result.model,
                          llm::MakeDecoderModel("recall", recipe.model(), std::move(tensors), {}));
  result.layers = recipe.model().layers();
  result.window = options.window;
  return result;
}

}  // namespace strata::courses
