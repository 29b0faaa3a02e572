#include "chips/memsys/prediction_errors.h"

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::chips::memsys {
namespace {

using ::testing::HasSubstr;

Prediction Of(double spec, double share) {
  Prediction prediction;
  prediction.spec = spec;
  prediction.share = share;
  return prediction;
}

TEST(PredictionErrors, AreMeansOfSizes) {
  PredictionErrors errors;
  EXPECT_EQ(errors.MeanShare(), 0);
  errors.Add(Of(1, 3), 2);  // half too little; half too much
  errors.Add(Of(4, 2), 4);  // right; half too little
  EXPECT_EQ(errors.steps(), 2);
  EXPECT_DOUBLE_EQ(errors.MeanSpec(), 0.25);
  EXPECT_DOUBLE_EQ(errors.MeanShare(), 0.5);
}

TEST(CheckMeanError, RefusesMoreThanTheMost) {
  PredictionErrors errors;
  EXPECT_OK(CheckMeanError(errors, 0.35));
  errors.Add(Of(9, 3), 2);
  EXPECT_OK(CheckMeanError(errors, 0.5));
  EXPECT_OK(CheckMeanError(errors, 0));
  const absl::Status status = CheckMeanError(errors, 0.35);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal,
                               HasSubstr("mean error of 1 predicted steps is 0.500")));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, HasSubstr("--max-mean-error=0.35;")));
  EXPECT_EQ(ExitCode(status), 1);
}

// A load that took no time is no measurement.
TEST(CheckMeanError, RefusesWhatIsNoNumber) {
  PredictionErrors errors;
  errors.Add(Of(0, 0), 0);
  EXPECT_THAT(CheckMeanError(errors, 0.35),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("mean error")));
}

}  // namespace
}  // namespace strata::chips::memsys
