// A LeNet trained on a made task keeps its accuracy in integers.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/driver/compiled_evaluator.h"
#include "framework/autodiff/gradients.h"
#include "framework/optim/adamw.h"
#include "framework/vision/lenet.h"
#include "gtest/gtest.h"
#include "inference/compress/post_training.h"

namespace strata::inference {
namespace {

using framework::Tensor;
using graph::HostTensor;

constexpr int64_t kSide = 16, kBatch = 32, kClasses = 4, kSteps = 150;

// Images of noise with a bright bar, and which of four ways the bar lies: down, across, and the two diagonals.
struct Batch {
  HostTensor images = HostTensor::Allocate(chips::F32, {kBatch, kSide, kSide, 1});
  HostTensor labels = HostTensor::Allocate(chips::I32, {kBatch});
};

Batch MakeBatch(uint64_t seed) {
  Batch batch;
  batch.images = framework::InitParameter(
      {"noise", {kBatch, kSide, kSide, 1}, chips::F32, framework::Init::Normal(0.7)}, seed);
  const HostTensor places =
      framework::InitParameter({"places", {kBatch}, chips::F32, framework::Init::Normal(3)}, seed);
  for (int64_t n = 0; n < kBatch; ++n) {
    const auto way = static_cast<int32_t>((static_cast<uint64_t>(n) + seed) % kClasses);
    const int64_t place = std::lround(places.data<float>()[n]) % 6;
    batch.labels.data<int32_t>()[n] = way;
    for (int64_t i = 2; i < kSide - 2; ++i) {
      const int64_t j = kSide / 2 + place;
      const int64_t row = way == 0 ? i : way == 1 ? j : i;
      const int64_t column = way == 0   ? j
                             : way == 1 ? i
                             : way == 2 ? i + place
                                        : kSide - 1 - i + place;
      if (column < 0 || column >= kSide) continue;
      batch.images.data<float>()[(n * kSide + row) * kSide + column] += 2;
    }
  }
  return batch;
}

// The classifier, and the graph of one step of its training.
struct Training {
  framework::VisionModel model;
  graph::Graph step;
};

absl::StatusOr<Training> MakeTraining() {
  Training training;
  STRATA_ASSIGN_OR_RETURN(
      training.model,
      framework::BuildLeNet5(
          {.batch = kBatch, .height = kSide, .width = kSide, .channels = 1, .classes = kClasses}));
  graph::Builder b("training");
  framework::ParameterSet parameters(b, chips::F32);
  const Tensor image =
      framework::Input(b, "image", {chips::F32, {kBatch, kSide, kSide, 1}}, graph::DATA);
  const Tensor labels = framework::Input(b, "labels", {chips::I32, {kBatch}}, graph::DATA);
  const Tensor loss = framework::Mean(
      framework::CrossEntropy(framework::LeNet5(parameters, image, kClasses), labels));
  STRATA_ASSIGN_OR_RETURN(const std::vector<graph::ValueId> gradients,
                          framework::Gradients(b, loss.id(), parameters.ids()));
  framework::AddAdamW(b, parameters.ids(), gradients, {.weight_decay = 0});
  b.Output(loss.id(), "loss");
  STRATA_ASSIGN_OR_RETURN(training.step, std::move(b).Build());
  return training;
}

// By name; updated in place by every step.
absl::StatusOr<NamedTensors> Train(const Training& training, graph::Evaluator& evaluator) {
  NamedTensors state;
  for (const framework::ParameterSpec& spec : training.model.parameters)
    state[spec.name] = framework::InitParameter(spec, 1);
  for (int64_t step = 1; step <= kSteps; ++step) {
    const Batch batch = MakeBatch(static_cast<uint64_t>(step));
    state["image"] = batch.images;
    state["labels"] = batch.labels;
    state["lr"] = HostTensor::FromVector<float>({}, {3e-3f});
    state["step"] = HostTensor::FromVector<float>({}, {static_cast<float>(step)});
    std::vector<HostTensor> inputs;
    for (const auto& input : training.step.inputs()) {
      const auto& value = training.step.values(static_cast<int>(input.value()));
      auto [it, fresh] = state.emplace(value.name(), HostTensor());
      if (fresh) it->second = HostTensor::Zeros(chips::F32, TypeOf(value).dims());
      inputs.push_back(it->second);
    }
    STRATA_RETURN_IF_ERROR(evaluator.Evaluate(training.step, inputs).status());
  }
  return state;
}

absl::StatusOr<double> Accuracy(const graph::Graph& graph, const NamedTensors& weights,
                                graph::Evaluator& evaluator) {
  int right = 0, all = 0;
  for (uint64_t seed = 1000; seed < 1008; ++seed) {
    const Batch batch = MakeBatch(seed);
    STRATA_ASSIGN_OR_RETURN(const auto inputs, BindInputs(graph, {batch.images}, weights));
    STRATA_ASSIGN_OR_RETURN(const auto logits, evaluator.Evaluate(graph, inputs));
    for (int64_t n = 0; n < kBatch; ++n, ++all) {
      const float* row = logits[0].data<float>() + n * kClasses;
      right += std::max_element(row, row + kClasses) - row == batch.labels.data<int32_t>()[n];
    }
  }
  return static_cast<double>(right) / all;
}

TEST(TrainedLeNet, KeepsItsAccuracyInIntegers) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Training training, MakeTraining());
  compiler::CompiledEvaluator::Options options;
  options.device_options.threads = 2;
  STRATA_ASSERT_OK_AND_ASSIGN(auto evaluator, compiler::CompiledEvaluator::Create(options));
  STRATA_ASSERT_OK_AND_ASSIGN(const NamedTensors weights, Train(training, *evaluator));
  STRATA_ASSERT_OK_AND_ASSIGN(const double before,
                              Accuracy(training.model.graph, weights, *evaluator));
  EXPECT_GT(before, 0.9);  // one in four by chance
  for (const double percentile : {100.0, 99.99}) {
    STRATA_ASSERT_OK_AND_ASSIGN(
        const Int8Graph int8,
        QuantizePostTraining(training.model.graph, weights,
                             {{MakeBatch(500).images}, {MakeBatch(501).images}},
                             {.percentile = percentile}, *evaluator));
    STRATA_ASSERT_OK_AND_ASSIGN(const double after, Accuracy(int8.graph, int8.weights, *evaluator));
    EXPECT_GE(after, before - 0.02) << percentile;
  }
}

}  // namespace
}  // namespace strata::inference
