#include "courses/chips/tensor_cores/study.h"

#include <cmath>

#include "courses/chips/low_precision/each_run.h"
#include "courses/chips/low_precision/format_evaluator.h"

namespace strata::courses {
namespace {

constexpr char kFp16[] = "f16 scaled", kBf16[] = "bf16", kFp8[] = "e4m3 scaled";

std::vector<ChipRun> Runs() {
  return {{"exact, fp16", kFp16, ""},   {"V100 fp16", kFp16, "v100"}, {"A100 fp16", kFp16, "a100"},
          {"exact, bf16", kBf16, ""},   {"A100 bf16", kBf16, "a100"}, {"H100 bf16", kBf16, "h100"},
          {"B200 bf16", kBf16, "b200"}, {"exact, fp8", kFp8, ""},     {"H100 fp8", kFp8, "h100"},
          {"B200 fp8", kFp8, "b200"}};
}

absl::Status Train(const TinyGptOptions& options, ChipRun* run) {
  STRATA_ASSIGN_OR_RETURN(const ProductFormat format,
                          MakeProductFormat(run->operand, run->operand, run->chip));
  FormatEvaluator evaluator(format, /*seed=*/1);
  STRATA_ASSIGN_OR_RETURN(run->run, TrainTinyGpt(options, evaluator));
  return absl::OkStatus();
}

void CompareWith(const TrainingRun& exact, ChipRun* run) {
  for (size_t i = 0; i < exact.losses.size(); ++i) {
    run->distance.push_back(std::fabs(run->run.losses[i] - exact.losses[i]));
  }
  double error = 0, norm = 0;
  for (size_t i = 0; i < exact.gradient.size(); ++i) {
    error += std::pow(static_cast<double>(run->run.gradient[i]) - exact.gradient[i], 2);
    norm += std::pow(static_cast<double>(exact.gradient[i]), 2);
  }
  run->gradient_error = std::sqrt(error / norm);
}

}  // namespace

const SumCurve& Study::Sum(const std::string& name) const {
  for (const SumCurve& curve : sums) {
    if (curve.name == name) return curve;
  }
  return sums.front();
}

const ChipRun& Study::Run(const std::string& name) const {
  for (const ChipRun& run : runs) {
    if (run.name == name) return run;
  }
  return runs.front();
}

const ChipRun& Study::Exact(const std::string& operand) const {
  for (const ChipRun& run : runs) {
    if (run.operand == operand && run.chip.empty()) return run;
  }
  return runs.front();
}

absl::StatusOr<Study> RunStudy(const StudyOptions& options) {
  Study study{.options = options, .sums = {}, .runs = Runs()};
  STRATA_ASSIGN_OR_RETURN(study.sums, MeasureSums(options.most_products));
  STRATA_RETURN_IF_ERROR(ForEachRun(study.runs.size(), [&](size_t i) {
    return Annotate(Train(options.training, &study.runs[i]), study.runs[i].name);
  }));
  for (ChipRun& run : study.runs) CompareWith(study.Exact(run.operand).run, &run);
  return study;
}

}  // namespace strata::courses
