#include "courses/chips/number_formats/study.h"

#include <cmath>

#include "courses/chips/low_precision/each_run.h"
#include "courses/chips/low_precision/format_evaluator.h"

namespace strata::courses {
namespace {

std::vector<FormatRun> Runs() {
  return {{"fp32", "f32", "f32"},
          {"bf16", "bf16", "bf16"},
          {"fp8, scaled", "e4m3 scaled", "e5m2 scaled"},
          {"fp8, no scales", "e4m3", "e5m2"},
          {"fp8, E4M3 gradients, no scales", "e4m3", "e4m3"},
          {"NVFP4", "nvfp4", "nvfp4"},
          {"MXFP4", "mxfp4", "mxfp4"},
          {"MXFP4, stochastic gradients", "mxfp4", "mxfp4 stochastic"},
          {"bf16 weights, nearest", "f32", "f32", WeightStorage::kBf16Nearest},
          {"bf16 weights, stochastic", "f32", "f32", WeightStorage::kBf16Stochastic}};
}

absl::Status Train(const TinyGptOptions& base, FormatRun* run) {
  TinyGptOptions options = base;
  options.weights = run->weights;
  STRATA_ASSIGN_OR_RETURN(const ProductFormat format,
                          MakeProductFormat(run->forward, run->gradient));
  FormatEvaluator evaluator(format, /*seed=*/1);
  STRATA_ASSIGN_OR_RETURN(run->run, TrainTinyGpt(options, evaluator));
  return absl::OkStatus();
}

void CompareWith(const TrainingRun& exact, FormatRun* run) {
  const size_t steps = exact.losses.size();
  for (size_t i = 0; i < steps; ++i) {
    run->distance += std::fabs(run->run.losses[i] - exact.losses[i]) / static_cast<double>(steps);
  }
  run->gradient_error = std::pow(10, -SignalToNoise(exact.gradient, run->run.gradient) / 20);
}

}  // namespace

const NoisePoint& Study::Noise(const std::string& name) const {
  for (const NoisePoint& point : noise) {
    if (point.name == name) return point;
  }
  return noise.front();
}

const FormatRun& Study::Run(const std::string& name) const {
  for (const FormatRun& run : runs) {
    if (run.name == name) return run;
  }
  return runs.front();
}

absl::StatusOr<Study> RunStudy(const StudyOptions& options) {
  Study study;
  study.options = options;
  study.stall = MeasureStall(1000);
  study.runs = Runs();
  STRATA_ASSIGN_OR_RETURN(study.noise, MeasureNoise(options.samples));
  STRATA_ASSIGN_OR_RETURN(study.means, MeasureMeans(4096, 256));
  STRATA_RETURN_IF_ERROR(ForEachRun(study.runs.size(), [&](size_t i) {
    return Annotate(Train(options.training, &study.runs[i]), study.runs[i].name);
  }));
  for (FormatRun& run : study.runs) CompareWith(study.runs[0].run, &run);
  return study;
}

}  // namespace strata::courses
