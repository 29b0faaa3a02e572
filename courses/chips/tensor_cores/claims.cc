#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "courses/chips/tensor_cores/study.h"

namespace strata::courses {
namespace {

// Places of sums of 512 and of 4096 products in a curve.
constexpr size_t k512 = 3, k4096 = 6;

double Bias(const Study& study, const char* unit, size_t at = k4096) {
  return study.Sum(unit).bias[at];
}

void AddBiasClaims(const Study& study, std::vector<Claim>* claims) {
  double least = -1, growth = HUGE_VAL, nearest = 0;
  for (const char* unit : {"V100 fp16", "A100 bf16", "H100 bf16", "B200 bf16", "H100 fp8"}) {
    for (const double bias : study.Sum(unit).bias) least = std::max(least, bias);
    growth = std::min(growth, Bias(study, unit) / Bias(study, unit, k512));
  }
  for (const double bias : study.Sum("fp32 to nearest, bf16").bias) {
    nearest = std::max(nearest, std::fabs(bias));
  }
  claims->push_back(
      {"Cut-off sums of positive numbers are always too small; rounded ones err to both sides",
       least < 0 && nearest < 1e-6,
       absl::StrFormat("biases of %.1e and below; to nearest, within %.1e", least, nearest)});
  claims->push_back({"The bias grows with the sum: 5-fold at least from 512 to 4096 products",
                     growth > 5, absl::StrFormat("%.1f-fold at least", growth)});
  const double v100 = Bias(study, "V100 fp16"), a100 = Bias(study, "A100 bf16");
  const double h100 = Bias(study, "H100 bf16"), b200 = Bias(study, "B200 bf16");
  claims->push_back({"Larger groups cut off less often: V100 is worse than A100, A100 than H100",
                     v100 < 1.5 * a100 && a100 < 1.5 * h100,
                     absl::StrFormat("%.1e, %.1e, %.1e at 4096 products", v100, a100, h100)});
  claims->push_back({"H100 and B200 add bf16 products to the same bits",
                     study.Sum("H100 bf16").bias == study.Sum("B200 bf16").bias &&
                         study.Sum("H100 bf16").noise == study.Sum("B200 bf16").noise,
                     absl::StrFormat("%.3e and %.3e", h100, b200)});
  const double mi300 = Bias(study, "MI300X bf16");
  claims->push_back({"MI300X, whose results are rounded to nearest, has not a 50th of H100's bias",
                     std::fabs(mi300) < std::fabs(h100) / 50,
                     absl::StrFormat("%.1e and %.1e", mi300, h100)});
}

void AddFp8Claims(const Study& study, std::vector<Claim>* claims) {
  const double h100 = Bias(study, "H100 fp8"), b200 = Bias(study, "B200 fp8");
  const double promoted = Bias(study, "H100 fp8, promoted every 128");
  claims->push_back(
      {"H100's fp8 sums lose 5 % of 4096 positive products, B200's nothing to speak of",
       h100 < -0.05 && std::fabs(b200) < 1e-5,
       absl::StrFormat("%.1f %% and %.1e", 100 * h100, b200)});
  claims->push_back({"Promotion to fp32 every 128 products mends it 50-fold",
                     std::fabs(promoted) < std::fabs(h100) / 50,
                     absl::StrFormat("%.1e instead of %.1e", promoted, h100)});
}

void AddTrainingClaims(const Study& study, std::vector<Claim>* claims) {
  const ChipRun &h100 = study.Run("H100 bf16"), &b200 = study.Run("B200 bf16");
  const ChipRun &h100_fp8 = study.Run("H100 fp8"), &b200_fp8 = study.Run("B200 fp8");
  claims->push_back({"H100 and B200 train in bf16 to the same bits",
                     h100.run.losses == b200.run.losses && h100.run.gradient == b200.run.gradient,
                     absl::StrFormat("losses end at %.6f and %.6f", h100.run.losses.back(),
                                     b200.run.losses.back())});
  double gradient = 0, wide = 0, start = 0, end = 0;
  for (const ChipRun& run : study.runs) {
    if (run.chip.empty()) continue;
    const double gap = std::fabs(run.run.Tail() - study.Exact(run.operand).run.Tail());
    if (run.operand.substr(0, 4) == "e4m3") continue;
    gradient = std::max(gradient, run.gradient_error);
    wide = std::max(wide, gap);
    start = std::max(start, run.distance.front());
    end = std::max(end, *std::max_element(run.distance.begin(), run.distance.end()));
  }
  claims->push_back({"Sums of fp16 and bf16 move the first gradient by less than 1e-3 of it",
                     gradient < 1e-3, absl::StrFormat("%.1e at most", gradient)});
  claims->push_back(
      {"H100's fp8 moves it 10 times as far as any of them, B200's less than H100's bf16",
       h100_fp8.gradient_error > 10 * gradient && b200_fp8.gradient_error < h100.gradient_error,
       absl::StrFormat("%.1e; %.1e against %.1e", h100_fp8.gradient_error, b200_fp8.gradient_error,
                       h100.gradient_error)});
  claims->push_back(
      {"What begins as a difference in the last bits grows 10-fold and more in training",
       end > 10 * start,
       absl::StrFormat("distances of losses: %.1e at first, %.1e at most", start, end)});
  claims->push_back(
      {"... and yet fp16's and bf16's losses end within 0.01 nats of those of exact sums",
       wide < 0.01, absl::StrFormat("%.5f at most", wide)});
  const double fp8 = std::fabs(h100_fp8.run.Tail() - study.Exact("e4m3 scaled").run.Tail());
  claims->push_back(
      {"At this size, with sums of 128 products at most, even H100's fp8 ends within 0.05",
       fp8 < 0.05, absl::StrFormat("%.4f", fp8)});
}

}  // namespace

std::vector<Claim> ClaimsOf(const Study& study) {
  std::vector<Claim> claims;
  AddBiasClaims(study, &claims);
  AddFp8Claims(study, &claims);
  AddTrainingClaims(study, &claims);
  return claims;
}

}  // namespace strata::courses
