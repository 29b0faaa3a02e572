#include "distributed/elastic/tiny_training.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/interpreter.h"
#include "framework/tensor/tensor.h"

namespace strata::distributed {
namespace {

using framework::Tensor;
using graph::HostTensor;

constexpr int64_t kFeatures = 7, kHidden = 16, kClasses = 5;

// Points on noisy classes; drawn from the step and the micro-shard alone.
std::vector<HostTensor> Point(int64_t step, int shard) {
  std::mt19937 random(static_cast<uint32_t>(step * 1000 + shard));
  std::normal_distribution<float> noise(0, 0.5f);
  const int label = static_cast<int>(random() % kClasses);
  HostTensor x = HostTensor::Zeros(chips::F32, {1, kFeatures});
  for (int64_t f = 0; f < kFeatures; ++f)
    x.data<float>()[f] = noise(random) + (f % kClasses == label ? 1.0f : 0.0f);
  return {x, HostTensor::FromVector<int32_t>({1}, {label})};
}

}  // namespace

absl::StatusOr<MicroShardModel> TinyModel() {
  MicroShardModel model;
  graph::Builder b("tiny_gradient");
  const Tensor x = framework::Input(b, "x", {chips::F32, {1, kFeatures}}, graph::DATA);
  const Tensor labels = framework::Input(b, "labels", {chips::I32, {1}}, graph::DATA);
  std::vector<graph::ValueId> parameters;
  std::mt19937 random(5);
  std::normal_distribution<float> normal(0, 0.3f);
  const auto parameter = [&](const std::string& name, const std::vector<int64_t>& dims) {
    const Tensor tensor = framework::Input(
        b, name, {chips::F32, graph::Shape(dims.begin(), dims.end())}, graph::PARAMETER);
    parameters.push_back(tensor.id());
    model.names.push_back(name);
    HostTensor value = HostTensor::Zeros(chips::F32, dims);
    for (int64_t i = 0; i < value.elements(); ++i) value.data<float>()[i] = normal(random);
    model.initial.push_back(value);
    return tensor;
  };
  const Tensor w1 = parameter("w1", {kFeatures, kHidden}), b1 = parameter("b1", {kHidden});
  const Tensor w2 = parameter("w2", {kHidden, kClasses}), b2 = parameter("b2", {kClasses});
  const Tensor hidden = framework::Gelu(framework::MatMul(x, w1) + b1);
  const Tensor loss =
      framework::Mean(framework::CrossEntropy(framework::MatMul(hidden, w2) + b2, labels));
  b.Output(loss.id(), "loss", graph::MEAN);
  STRATA_ASSIGN_OR_RETURN(const std::vector<graph::ValueId> gradients,
                          framework::Gradients(b, loss.id(), parameters));
  for (size_t i = 0; i < gradients.size(); ++i)
    b.Output(gradients[i], absl::StrCat("d_", model.names[i]), graph::REPLICATED);
  STRATA_ASSIGN_OR_RETURN(model.gradient, std::move(b).Build());
  model.data = Point;
  return model;
}

TraineeFactory TinyTrainee(ShardTraineeOptions options) {
  options.learning_rate = 0.05;
  return [options](compiler::Collectives& collectives) -> absl::StatusOr<std::unique_ptr<Trainee>> {
    graph::RegisterInterpreter();
    STRATA_ASSIGN_OR_RETURN(const MicroShardModel model, TinyModel());
    STRATA_ASSIGN_OR_RETURN(std::unique_ptr<ShardTrainee> trainee,
                            ShardTrainee::Create(model, options, collectives));
    return trainee;
  };
}

}  // namespace strata::distributed
