#include "llm/train/trainer.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "compiler/driver/compiled_evaluator.h"
#include "framework/nn/parameters.h"
#include "framework/optim/schedule.h"
#include "llm/model/decoder.h"
#include "llm/train/training_step.h"

namespace strata::llm {
namespace {

using distributed::RankStep;

graph::HostTensor Scalar(double value) {
  return graph::HostTensor::FromVector<float>({}, {static_cast<float>(value)});
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(
    const Recipe& recipe, std::shared_ptr<const TokenDataset> dataset, Options options) {
  std::unique_ptr<Trainer> trainer(new Trainer(recipe));
  trainer->dataset_ = std::move(dataset);
  if (options.collectives == nullptr) {
    trainer->alone_ = std::make_unique<distributed::NullCollectives>();
    options.collectives = trainer->alone_.get();
  }
  const int ranks = options.collectives->size();
  if (ranks != recipe.ranks()) {
    return absl::InvalidArgumentError(
        absl::StrCat("ranks: the recipe asks for ", recipe.ranks(), "; there are ", ranks));
  }
  STRATA_RETURN_IF_ERROR(trainer->Build(options));
  STRATA_RETURN_IF_ERROR(trainer->Initialise());
  return trainer;
}

absl::Status Trainer::Build(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  STRATA_ASSIGN_OR_RETURN(const graph::Graph step, BuildTrainingStep(recipe_));
  compile_seconds_ = SecondsSince(start);
  compiler::CompiledEvaluator::Options evaluator;
  evaluator.compiler = options.compiler;
  evaluator.compile_options.compute_dtype = recipe_.compute_dtype();
  evaluator.compile_options.gemm = options.gemm;
  evaluator.compile_options.tuning_log = options.tuning_log;
  evaluator.compile_options.threads = options.threads;
  evaluator.device_options.threads = options.threads;
  evaluator.device_options.collectives = options.collectives;
  evaluator.device_options.cache_dir = options.cache_dir;
  distributed::RankStepOptions rank;
  rank.rows = recipe_.batch();
  rank.epoch = options.epoch;
  rank.engine = [&](compiler::Collectives&) -> absl::StatusOr<std::unique_ptr<graph::Evaluator>> {
    STRATA_ASSIGN_OR_RETURN(auto compiled, compiler::CompiledEvaluator::Create(evaluator));
    auto engine = std::make_unique<StepEngine>(std::move(compiled));
    engine_ = engine.get();
    return engine;
  };
  STRATA_ASSIGN_OR_RETURN(rank_step_,
                          RankStep::Create(step, recipe_.parallel(), *options.collectives, rank));
  programs_ = distributed::ProgramsOf(rank_step_->programs());
  const auto made = std::chrono::steady_clock::now();
  for (const graph::Graph* program : programs_) STRATA_RETURN_IF_ERROR(engine_->Prepare(*program));
  compile_seconds_ += rank_step_->programs_seconds() + SecondsSince(made);
  return absl::OkStatus();
}

// Parameters start from the recipe's seed, whatever the mesh; moments from zero.
absl::Status Trainer::Initialise() {
  for (const framework::ParameterSpec& spec : DecoderParameters(recipe_.model())) {
    STRATA_RETURN_IF_ERROR(
        rank_step_->LoadTensor(spec.name, framework::InitParameter(spec, recipe_.seed())));
  }
  return absl::OkStatus();
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
  const Batch batch = dataset_->BatchAt(step_);
  const bool whole = rank_step_->programs().whole.has_value();
  engine_->Record(whole ? timeline : nullptr);
  STRATA_ASSIGN_OR_RETURN(const distributed::Tensors outputs,
                          rank_step_->Step({{"tokens", batch.tokens},
                                            {"targets", batch.targets},
                                            {"lr", Scalar(result.learning_rate)},
                                            {"step", Scalar(static_cast<double>(step_ + 1))}},
                                           whole ? nullptr : timeline));
  result.step = ++step_;
  result.loss = outputs.at("loss").data<float>()[0];
  result.seconds = SecondsSince(start);
  return result;
}

}  // namespace strata::llm
