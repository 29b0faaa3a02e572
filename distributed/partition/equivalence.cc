#include "distributed/partition/equivalence.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/driver/compiled_evaluator.h"
#include "distributed/collective/mesh_collectives.h"
#include "distributed/collective/null_collectives.h"
#include "distributed/partition/propagate.h"
#include "distributed/partition/rank_interpreter.h"
#include "distributed/partition/shard_tensors.h"
#include "distributed/partition/spmd.h"
#include "distributed/plan/validate.h"
#include "framework/autodiff/gradients.h"
#include "framework/optim/adamw.h"
#include "framework/tensor/tensor.h"

namespace strata::distributed {
namespace {

using framework::Tensor;
using graph::HostTensor;

constexpr int64_t kBatch = 12, kFeatures = 7, kHidden = 16, kClasses = 5;
constexpr int kSteps = 20;
constexpr double kTolerance = 1e-5;

// One step of training as a graph: inputs x, labels, the parameters, lr, step, the moments; first output the loss.
absl::StatusOr<graph::Graph> TrainingStep() {
  graph::Builder b("classifier_step");
  const Tensor x = framework::Input(b, "x", {chips::F32, {kBatchSymbol, kFeatures}}, graph::DATA);
  const Tensor labels = framework::Input(b, "labels", {chips::I32, {kBatchSymbol}}, graph::DATA);
  std::vector<graph::ValueId> parameters;
  const auto parameter = [&](const std::string& name, const graph::Shape& shape) {
    const Tensor tensor = framework::Input(b, name, {chips::F32, shape}, graph::PARAMETER);
    parameters.push_back(tensor.id());
    return tensor;
  };
  const Tensor w1 = parameter("w1", {kFeatures, kHidden}), b1 = parameter("b1", {kHidden});
  const Tensor gain = parameter("gain", {kHidden}), shift = parameter("shift", {kHidden});
  const Tensor w2 = parameter("w2", {kHidden, kClasses}), b2 = parameter("b2", {kClasses});
  const Tensor hidden = framework::Gelu(framework::MatMul(x, w1) + b1);
  const Tensor normed =
      framework::Apply("layer_norm", {hidden, gain, shift}, {{"epsilon", graph::Attr(1e-5)}});
  const Tensor loss =
      framework::Mean(framework::CrossEntropy(framework::MatMul(normed, w2) + b2, labels));
  b.Output(loss.id(), "loss", graph::MEAN);
  STRATA_ASSIGN_OR_RETURN(const std::vector<graph::ValueId> gradients,
                          framework::Gradients(b, loss.id(), parameters));
  framework::AddAdamW(b, parameters, gradients, {.weight_decay = 0.1, .clip_norm = 0.5});
  return std::move(b).Build();
}

// Tensors for one rank's inputs, the same wherever they are made.
std::vector<HostTensor> InitialInputs(const graph::Graph& step) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal(0, 0.3f);
  std::vector<HostTensor> inputs;
  for (const auto& input : step.inputs()) {
    graph::TensorType type = graph::TypeOf(step.values(static_cast<int>(input.value())));
    if (type.rank() > 0 && type.shape[0].is_symbol()) type.shape[0] = kBatch;
    HostTensor tensor = HostTensor::Zeros(type.dtype, type.dims());
    if (input.kind() == graph::PARAMETER) {
      for (int64_t i = 0; i < tensor.elements(); ++i) tensor.data<float>()[i] = normal(random);
    }
    inputs.push_back(tensor);
  }
  return inputs;
}

// The global batch of one step: points on noisy classes.
void FillBatch(const graph::Graph& step, int number, std::vector<HostTensor>* inputs) {
  std::mt19937 random(static_cast<uint32_t>(number));
  std::normal_distribution<float> noise(0, 0.5f);
  HostTensor &x = (*inputs)[0], &labels = (*inputs)[1];
  for (int64_t i = 0; i < kBatch; ++i) {
    const int label = static_cast<int>(random() % kClasses);
    labels.data<int32_t>()[i] = label;
    for (int64_t f = 0; f < kFeatures; ++f) {
      x.data<float>()[i * kFeatures + f] = noise(random) + (f % kClasses == label ? 1.0f : 0.0f);
    }
  }
  for (int i = 0; i < step.inputs_size(); ++i) {
    const std::string& name = step.values(static_cast<int>(step.inputs(i).value())).name();
    if (name == "lr") (*inputs)[static_cast<size_t>(i)].data<float>()[0] = 0.02f;
    if (name == "step")
      (*inputs)[static_cast<size_t>(i)].data<float>()[0] = static_cast<float>(number);
  }
}

struct Training {
  std::vector<double> losses;
  std::vector<HostTensor> inputs;  // parameters and moments after the last step among them
};

absl::StatusOr<Training> Train(const graph::Graph& step, compiler::Collectives& collectives,
                               const Engine& engine) {
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<graph::Evaluator> evaluator, engine(collectives));
  const parallel::ParallelPlan plan = parallel::DataParallelPlan(collectives.size());
  STRATA_ASSIGN_OR_RETURN(const Mesh mesh, Mesh::Create(plan));
  STRATA_ASSIGN_OR_RETURN(const graph::Graph annotated, AssignShardings(step, plan));
  STRATA_ASSIGN_OR_RETURN(const graph::Graph mine, PartitionSpmd(annotated, plan));
  Training training = {{}, InitialInputs(mine)};
  for (int number = 1; number <= kSteps; ++number) {
    FillBatch(mine, number, &training.inputs);
    STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> shard,
                            ShardInputs(mine, training.inputs, mesh, collectives.rank()));
    STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> outputs,
                            evaluator->Evaluate(mine, shard));
    training.losses.push_back(outputs[0].ToDoubles()[0]);
  }
  return training;
}

absl::Status CheckSameStateOnAllRanks(const Training& training,
                                      compiler::Collectives& collectives) {
  for (size_t i = 2; i < training.inputs.size(); ++i) {  // behind x and labels
    const HostTensor& mine = training.inputs[i];
    const size_t bytes = mine.size_bytes();
    std::vector<char> all(bytes * static_cast<size_t>(collectives.size()));
    STRATA_RETURN_IF_ERROR(
        collectives.AllGather(mine.raw(), all.data(), mine.elements(), mine.dtype()));
    for (int rank = 0; rank < collectives.size(); ++rank) {
      if (std::memcmp(all.data() + static_cast<size_t>(rank) * bytes, mine.raw(), bytes) == 0)
        continue;
      return absl::InternalError(absl::StrCat("inputs[", i, "] differs from that of rank ", rank));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Engine InterpreterEngine() {
  return [](compiler::Collectives& collectives) {
    return std::make_unique<RankInterpreter>(collectives);
  };
}

Engine CompiledEngine() {
  return
      [](compiler::Collectives& collectives) -> absl::StatusOr<std::unique_ptr<graph::Evaluator>> {
        compiler::CompiledEvaluator::Options options;
        options.device_options.threads = 1;
        options.device_options.collectives = &collectives;
        STRATA_ASSIGN_OR_RETURN(auto evaluator,
                                compiler::CompiledEvaluator::Create(std::move(options)));
        return evaluator;
      };
}

absl::Status CheckTrainsLikeOneRank(Transport& transport, const std::string& name,
                                    const Engine& engine) {
  STRATA_ASSIGN_OR_RETURN(const graph::Graph step, TrainingStep());
  NullCollectives nobody;
  STRATA_ASSIGN_OR_RETURN(const Training alone, Train(step, nobody, engine));
  STRATA_ASSIGN_OR_RETURN(const auto collectives,
                          MeshCollectives::Create(transport, {{"dp", transport.size()}}, name));
  STRATA_ASSIGN_OR_RETURN(const Training together, Train(step, *collectives, engine));
  for (size_t i = 0; i < alone.losses.size(); ++i) {
    if (std::abs(alone.losses[i] - together.losses[i]) <= kTolerance) continue;
    return absl::InternalError(absl::StrCat("step ", i + 1, ": the loss is ", together.losses[i],
                                            " on ", transport.size(), " ranks, ", alone.losses[i],
                                            " on one"));
  }
  if (!(alone.losses.back() < 0.7 * alone.losses.front())) {
    return absl::InternalError(
        absl::StrCat("the loss did not fall: ", alone.losses.front(), " to ", alone.losses.back()));
  }
  return CheckSameStateOnAllRanks(together, *collectives);
}

}  // namespace strata::distributed
