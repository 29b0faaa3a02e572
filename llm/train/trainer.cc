#include "llm/train/trainer.h"

#include <chrono>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "distributed/partition/data_parallel.h"
#include "distributed/plan/validate.h"
#include "framework/graph/types.h"
#include "framework/nn/parameters.h"
#include "framework/optim/schedule.h"
#include "llm/model/decoder.h"
#include "llm/train/training_step.h"

namespace strata::llm {
namespace {

// Rows [rank * rows, ...) of dim 0: this rank's share of the batch.
graph::HostTensor Shard(const graph::HostTensor& whole, int rank, int ranks) {
  std::vector<int64_t> dims = whole.dims();
  dims[0] /= ranks;
  graph::HostTensor part = graph::HostTensor::Allocate(whole.dtype(), dims);
  std::memcpy(part.raw(), whole.data<char>() + static_cast<size_t>(rank) * part.size_bytes(),
              part.size_bytes());
  return part;
}

graph::HostTensor Scalar(double value) {
  return graph::HostTensor::FromVector<float>({}, {static_cast<float>(value)});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(
    const Recipe& recipe, std::shared_ptr<const TokenDataset> dataset, Options options) {
  const int ranks = options.collectives == nullptr ? 1 : options.collectives->size();
  if (ranks != recipe.ranks()) {
    return absl::InvalidArgumentError(
        absl::StrCat("ranks: the recipe asks for ", recipe.ranks(), "; there are ", ranks));
  }
  const auto start = std::chrono::steady_clock::now();
  std::unique_ptr<Trainer> trainer(new Trainer(recipe));
  trainer->dataset_ = std::move(dataset);
  trainer->options_ = options;
  STRATA_ASSIGN_OR_RETURN(graph::Graph step, BuildTrainingStep(recipe));
  STRATA_ASSIGN_OR_RETURN(
      trainer->graph_, distributed::PartitionDataParallel(step, parallel::DataParallelPlan(ranks)));

  compiler::CompiledEvaluator::Options evaluator;
  evaluator.compiler = options.compiler;
  evaluator.compile_options.compute_dtype = recipe.compute_dtype();
  evaluator.compile_options.gemm = options.gemm;
  evaluator.compile_options.tuning_log = options.tuning_log;
  evaluator.compile_options.threads = options.threads;
  evaluator.device_options.threads = options.threads;
  evaluator.device_options.collectives = options.collectives;
  evaluator.device_options.cache_dir = options.cache_dir;
  STRATA_ASSIGN_OR_RETURN(trainer->evaluator_,
                          compiler::CompiledEvaluator::Create(std::move(evaluator)));
  STRATA_ASSIGN_OR_RETURN(trainer->loaded_, trainer->evaluator_->Load(
                                                trainer->graph_, {{"B", recipe.batch() / ranks}}));
  trainer->compile_seconds_ =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  for (const framework::ParameterSpec& spec : DecoderParameters(recipe.model())) {
    trainer->state_[spec.name] = framework::InitParameter(spec, recipe.seed());
  }
  for (const auto& input : trainer->graph_.inputs()) {
    if (input.kind() != graph::STATE) continue;
    const graph::Value& value = trainer->graph_.values(static_cast<int>(input.value()));
    const graph::TensorType type = graph::TypeOf(value);
    trainer->state_[value.name()] = graph::HostTensor::Zeros(type.dtype, type.dims());
  }
  return trainer;
}

absl::StatusOr<std::vector<graph::HostTensor>> Trainer::Inputs(double learning_rate) const {
  const Batch batch = dataset_->BatchAt(step_);
  const int ranks = recipe_.ranks();
  const int rank = options_.collectives == nullptr ? 0 : options_.collectives->rank();
  std::vector<graph::HostTensor> inputs;
  for (const auto& input : graph_.inputs()) {
    const std::string& name = graph_.values(static_cast<int>(input.value())).name();
    if (name == "tokens") {
      inputs.push_back(Shard(batch.tokens, rank, ranks));
    } else if (name == "targets") {
      inputs.push_back(Shard(batch.targets, rank, ranks));
    } else if (name == "lr") {
      inputs.push_back(Scalar(learning_rate));
    } else if (name == "step") {
      inputs.push_back(Scalar(static_cast<double>(step_ + 1)));
    } else {
      auto it = state_.find(name);
      if (it == state_.end())
        return absl::InternalError(absl::StrCat("no tensor for input '", name, "'"));
      inputs.push_back(it->second);
    }
  }
  return inputs;
}

absl::StatusOr<StepResult> Trainer::Step(chips::Timeline* timeline) {
  const auto start = std::chrono::steady_clock::now();
  framework::CosineSchedule schedule;
  schedule.max_lr = recipe_.learning_rate();
  schedule.min_lr = recipe_.min_learning_rate();
  schedule.warmup_steps = recipe_.warmup_steps();
  schedule.total_steps = recipe_.steps();
  StepResult result;
  result.learning_rate = schedule.At(step_ + 1);
  STRATA_ASSIGN_OR_RETURN(std::vector<graph::HostTensor> inputs, Inputs(result.learning_rate));
  STRATA_ASSIGN_OR_RETURN(std::vector<graph::HostTensor> outputs,
                          loaded_->executable->Run(inputs, {timeline}));
  result.step = ++step_;
  for (int i = 0; i < graph_.outputs_size(); ++i) {
    if (graph_.outputs(i).name() == "loss")
      result.loss = outputs[static_cast<size_t>(i)].data<float>()[0];
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

TensorMap Trainer::Parameters() const {
  TensorMap parameters;
  for (const auto& input : graph_.inputs()) {
    if (input.kind() != graph::PARAMETER) continue;
    const std::string& name = graph_.values(static_cast<int>(input.value())).name();
    parameters[name] = state_.at(name);
  }
  return parameters;
}

absl::Status Trainer::Restore(const TensorMap& state, int64_t step) {
  for (const auto& [name, tensor] : state_) {
    auto it = state.find(name);
    if (it == state.end())
      return absl::NotFoundError(absl::StrCat("tensor '", name, "' is missing"));
    if (it->second.TypeString() != tensor.TypeString()) {
      return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "': is ",
                                                     it->second.TypeString(), "; the model has ",
                                                     tensor.TypeString()));
    }
  }
  for (auto& [name, tensor] : state_)
    std::memcpy(tensor.raw(), state.at(name).raw(), tensor.size_bytes());
  step_ = step;
  return absl::OkStatus();
}

}  // namespace strata::llm
