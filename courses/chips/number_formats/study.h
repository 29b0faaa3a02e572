// The lab's runs: a small GPT trained from one start with products of every precision, and what it claims.
//
//   STRATA_ASSIGN_OR_RETURN(const Study study, RunStudy({}));
//   for (const Claim& claim : ClaimsOf(study)) ...
#ifndef STRATA_COURSES_CHIPS_NUMBER_FORMATS_STUDY_H_
#define STRATA_COURSES_CHIPS_NUMBER_FORMATS_STUDY_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "courses/chips/low_precision/tiny_gpt.h"
#include "courses/chips/number_formats/quantisation.h"
#include "courses/lab/claims.h"

namespace strata::courses {

struct StudyOptions {
  TinyGptOptions training = {.steps = 150, .learning_rate = 5e-3};
  size_t samples = 1 << 16;
  bool long_enough = true;  // for the claims on the losses that training ends at
};

// One training run. Products' operands; weights.
struct FormatRun {
  std::string name, forward, gradient;
  WeightStorage weights = WeightStorage::kF32;
  TrainingRun run = {};
  double distance = 0;        // mean |loss - fp32's| over all steps
  double gradient_error = 0;  // of the first step, |g - fp32's| / |fp32's|
};

struct Study {
  StudyOptions options;
  std::vector<NoisePoint> noise;
  StallStudy stall;
  MeanStudy means;
  std::vector<FormatRun> runs;

  const NoisePoint& Noise(const std::string& name) const;
  const FormatRun& Run(const std::string& name) const;
};

// Training runs go on all cores, each on one.
absl::StatusOr<Study> RunStudy(const StudyOptions& options);

std::vector<Claim> ClaimsOf(const Study& study);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_NUMBER_FORMATS_STUDY_H_
