// The lab's runs: sums by themselves, and a small GPT trained "as" each chip, against exact sums of the same operands.
//
//   STRATA_ASSIGN_OR_RETURN(const Study study, RunStudy({}));
//   for (const Claim& claim : ClaimsOf(study)) ...
#ifndef STRATA_COURSES_CHIPS_TENSOR_CORES_STUDY_H_
#define STRATA_COURSES_CHIPS_TENSOR_CORES_STUDY_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "courses/chips/low_precision/tiny_gpt.h"
#include "courses/chips/tensor_cores/sums.h"
#include "courses/lab/claims.h"

namespace strata::courses {

struct StudyOptions {
  TinyGptOptions training = {.steps = 150, .learning_rate = 5e-3};
  int64_t most_products = 16384;  // of one sum
};

// One training run.
struct ChipRun {
  std::string name;
  std::string operand;  // format of all operands, gradients too
  std::string chip;     // empty: sums in double
  TrainingRun run = {};
  // Against the run of the same operands with sums in double:
  std::vector<double> distance = {};  // [steps] |loss - exact|
  double gradient_error = 0;          // of the first step, |g - exact| / |exact|
};

struct Study {
  StudyOptions options;
  std::vector<SumCurve> sums;
  std::vector<ChipRun> runs;

  const SumCurve& Sum(const std::string& name) const;
  const ChipRun& Run(const std::string& name) const;
  // With sums in double.
  const ChipRun& Exact(const std::string& operand) const;
};

absl::StatusOr<Study> RunStudy(const StudyOptions& options);

std::vector<Claim> ClaimsOf(const Study& study);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_TENSOR_CORES_STUDY_H_
