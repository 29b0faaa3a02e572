// The conformance suite of CostModel: what every implementation must hold, whatever it models.
//
//   INSTANTIATE_TEST_SUITE_P(Mine, CostModelConformance,
//                            testing::Values(CostModelCase{"mine", MakeMine, {.sees_work = true}}));
//
// The capabilities say what more an implementation claims; what it does not claim is tested to be
// refused, or absent, as documented.
#ifndef STRATA_CHIPS_COST_COST_MODEL_CONFORMANCE_H_
#define STRATA_CHIPS_COST_COST_MODEL_CONFORMANCE_H_

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/cost/cost_model.h"
#include "chips/cost/roofline.h"
#include "chips/numerics/dtype.h"
#include "chips/spec/catalogue.h"
#include "gtest/gtest.h"

namespace strata::chips {

struct CostModelCapabilities {
  bool sees_work = false;  // more work takes longer, never less than the roofline allows
};

struct CostModelCase {
  std::string name;
  std::function<std::unique_ptr<CostModel>()> make;
  CostModelCapabilities capabilities;
};

inline void PrintTo(const CostModelCase& param, std::ostream* out) { *out << param.name; }

class CostModelConformance : public testing::TestWithParam<CostModelCase> {
 protected:
  void SetUp() override {
    model_ = GetParam().make();
    ASSERT_NE(model_, nullptr);
    for (const std::string& name : ChipNames()) {
      if (name == "host") continue;  // described chips only: the same answer on every machine
      STRATA_ASSERT_OK_AND_ASSIGN(Chip chip, FindChip(name));
      chips_.push_back(chip);
    }
  }

  // Sizes around every corner: nothing, one element, odd ones, small, large.
  static std::vector<double> Sizes() { return {0, 1, 3, 4097, 1e6, 1.5e9, 1e12, 1e17}; }
  static std::vector<DType> DTypes() {
    return {F32, F64, BF16, F16, I8, U8, I32, I64, BOOL, F8_E4M3, F8_E5M2};
  }
  // An NPU's arithmetic has few formats and no wider one to stand in; every other chip has them all.
  static bool HasRate(const Chip& chip, DType dtype, bool matmul) {
    const bool has = PeakFlops(chip, dtype, matmul).ok();
    EXPECT_TRUE(has || !chip.npu_machine().empty()) << chip.name() << " " << DTypeName(dtype);
    return has;
  }

  std::unique_ptr<CostModel> model_;
  std::vector<Chip> chips_;
};

TEST_P(CostModelConformance, ZeroWorkCostsTheOverhead) {
  for (const Chip& chip : chips_) {
    for (const DType dtype : {F32, BF16, DTYPE_UNSPECIFIED}) {
      STRATA_ASSERT_OK_AND_ASSIGN(Estimate estimate, model_->Predict(chip, {0, dtype, 0, false}));
      EXPECT_EQ(estimate.seconds, chip.launch_overhead_seconds().value()) << chip.name();
      EXPECT_EQ(estimate.overhead_seconds, estimate.seconds) << chip.name();
      EXPECT_EQ(estimate.bound, Bound::kOverhead) << chip.name();
    }
  }
}

TEST_P(CostModelConformance, WithoutAnOverheadZeroWorkIsFree) {
  Chip chip = chips_.front();
  chip.clear_launch_overhead_seconds();
  STRATA_ASSERT_OK_AND_ASSIGN(Estimate estimate, model_->Predict(chip, {0, F32, 0, false}));
  EXPECT_EQ(estimate.seconds, 0);
}

TEST_P(CostModelConformance, MoreWorkNeverTakesLess) {
  for (const Chip& chip : chips_) {
    for (const DType dtype : DTypes()) {
      for (const bool matmul : {false, true}) {
        if (!HasRate(chip, dtype, matmul)) continue;
        for (const double fixed : Sizes()) {
          double by_flops = 0, by_bytes = 0;
          for (const double size : Sizes()) {
            STRATA_ASSERT_OK_AND_ASSIGN(Estimate more_flops,
                                        model_->Predict(chip, {size, dtype, fixed, matmul}));
            STRATA_ASSERT_OK_AND_ASSIGN(Estimate more_bytes,
                                        model_->Predict(chip, {fixed, dtype, size, matmul}));
            EXPECT_GE(more_flops.seconds, by_flops) << chip.name() << " " << size << " flops";
            EXPECT_GE(more_bytes.seconds, by_bytes) << chip.name() << " " << size << " bytes";
            by_flops = more_flops.seconds;
            by_bytes = more_bytes.seconds;
          }
        }
      }
    }
  }
}

TEST_P(CostModelConformance, PartsAreConsistent) {
  for (const Chip& chip : chips_) {
    for (const double flops : Sizes()) {
      for (const double bytes : Sizes()) {
        STRATA_ASSERT_OK_AND_ASSIGN(Estimate estimate,
                                    model_->Predict(chip, {flops, BF16, bytes, true}));
        const double parts[] = {estimate.overhead_seconds, estimate.memory_seconds,
                                estimate.compute_seconds};
        const double largest = *std::max_element(std::begin(parts), std::end(parts));
        const double sum = parts[0] + parts[1] + parts[2];
        EXPECT_GE(*std::min_element(std::begin(parts), std::end(parts)), 0);
        EXPECT_GE(estimate.seconds, largest);
        EXPECT_LE(estimate.seconds, sum * (1 + 1e-12));
        EXPECT_EQ(parts[static_cast<int>(estimate.bound)], largest) << BoundName(estimate.bound);
      }
    }
  }
}

TEST_P(CostModelConformance, NeverBelowTheRoofWhenItSeesWork) {
  for (const Chip& chip : chips_) {
    STRATA_ASSERT_OK_AND_ASSIGN(const double bandwidth, MainBandwidth(chip));
    for (const DType dtype : DTypes()) {
      for (const bool matmul : {false, true}) {
        if (!HasRate(chip, dtype, matmul)) continue;
        STRATA_ASSERT_OK_AND_ASSIGN(const double peak, PeakFlops(chip, dtype, matmul));
        for (const double flops : Sizes()) {
          for (const double bytes : Sizes()) {
            STRATA_ASSERT_OK_AND_ASSIGN(Estimate estimate,
                                        model_->Predict(chip, {flops, dtype, bytes, matmul}));
            if (GetParam().capabilities.sees_work) {
              EXPECT_GE(estimate.seconds, std::max(flops / peak, bytes / bandwidth)) << chip.name();
            } else {
              EXPECT_EQ(estimate.seconds, estimate.overhead_seconds) << chip.name();
            }
          }
        }
      }
    }
  }
}

TEST_P(CostModelConformance, RefusesWorkOutsideItsDomain) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {-1.0, kInfinity, -kInfinity, kNan}) {
    EXPECT_THAT(
        model_->Predict(chips_.front(), {bad, F32, 0, false}),
        StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("work: flops: is")));
    EXPECT_THAT(
        model_->Predict(chips_.front(), {0, F32, bad, false}),
        StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("work: bytes: is")));
  }
  EXPECT_THAT(
      model_->Predict(chips_.front(), {1, DTYPE_UNSPECIFIED, 0, false}),
      StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("work: dtype: is unset")));
}

TEST_P(CostModelConformance, NeedsARateOnlyWhenItSeesWork) {
  Chip chip = chips_.front();
  while (chip.rates_size() > 1) chip.mutable_rates()->RemoveLast();
  chip.mutable_rates(0)->set_dtype(I8);
  const absl::StatusOr<Estimate> estimate = model_->Predict(chip, {1, F64, 0, false});
  if (GetParam().capabilities.sees_work) {
    EXPECT_THAT(estimate,
                StatusIs(absl::StatusCode::kUnimplemented, testing::HasSubstr("none for f64")));
  } else {
    EXPECT_OK(estimate);
  }
  EXPECT_OK(model_->Predict(chip, {0, F64, 1, false}));
}

}  // namespace strata::chips

#endif  // STRATA_CHIPS_COST_COST_MODEL_CONFORMANCE_H_
