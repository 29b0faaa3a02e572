#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "chips/numerics/format.h"
#include "courses/chips/number_formats/study.h"

namespace strata::courses {
namespace {

std::string Db(double x) { return absl::StrFormat("%.1f dB", x); }

// The values of a format that are numbers, each once: -0 is 0.
int Values(chips::Format format) {
  const chips::FormatRow& row = chips::Row(format);
  int count = 0;
  for (uint32_t code = 0; code < 1u << row.bits(); ++code) {
    const double value = chips::Decode(format, code);
    count += std::isfinite(value) && !(value == 0 && std::signbit(value));
  }
  return count;
}

void AddCodeClaims(std::vector<Claim>* claims) {
  const int e4m3 = Values(chips::Format::kE4M3), e5m2 = Values(chips::Format::kE5M2);
  const int fnuz = Values(chips::Format::kE4M3Fnuz), e2m1 = Values(chips::Format::kE2M1);
  claims->push_back(
      {"8 bits hold 253 numbers in E4M3, 247 in E5M2, 255 in E4M3 FNUZ; 4 bits hold 15",
       e4m3 == 253 && e5m2 == 247 && fnuz == 255 && e2m1 == 15,
       absl::StrFormat("decoded: %d, %d, %d and %d", e4m3, e5m2, fnuz, e2m1)});
}

void AddNoiseClaims(const Study& study, std::vector<Claim>* claims) {
  const double bit = study.Noise("e4m3").normal - study.Noise("e5m2").normal;
  claims->push_back({"A mantissa bit is worth 6 dB: E4M3 over E5M2, between 5 and 7 dB",
                     bit > 5 && bit < 7, Db(bit)});
  const NoisePoint &i8 = study.Noise("i8"), &mx = study.Noise("mxint8");
  claims->push_back(
      {"Heavy tails cost an integer format with one scale 10 dB at least, one with block scales "
       "less",
       i8.normal - i8.heavy > 10 && mx.normal - mx.heavy < (i8.normal - i8.heavy) / 2,
       absl::StrCat("i8: ", Db(i8.normal), " to ", Db(i8.heavy), "; mxint8: ", Db(mx.normal),
                    " to ", Db(mx.heavy))});
  const NoisePoint& e4m3 = study.Noise("e4m3");
  claims->push_back({"Exponents shrug off tails: E4M3 changes by less than 2 dB",
                     std::fabs(e4m3.normal - e4m3.heavy) < 2,
                     absl::StrCat(Db(e4m3.normal), " to ", Db(e4m3.heavy))});
  const NoisePoint &nv = study.Noise("nvfp4"), &mx4 = study.Noise("mxfp4");
  claims->push_back({"NVFP4's finer scales are worth 1 dB at least over MXFP4's, on both",
                     nv.normal > mx4.normal + 1 && nv.heavy > mx4.heavy + 1,
                     absl::StrCat(Db(nv.normal), " and ", Db(nv.heavy), " against ", Db(mx4.normal),
                                  " and ", Db(mx4.heavy))});
}

void AddRoundingClaims(const Study& study, std::vector<Claim>* claims) {
  const StallStudy& stall = study.stall;
  claims->push_back(
      {"To nearest, a bf16 weight of 1 never feels updates of 0.001; stochastically it gets there",
       stall.nearest.back() == 1 && std::fabs(stall.mean.back() - stall.exact.back()) < 0.1,
       absl::StrFormat("after %d of them: exact %.3f, nearest %.3f, stochastic %.3f on average",
                       static_cast<int>(stall.exact.size()) - 1, stall.exact.back(),
                       stall.nearest.back(), stall.mean.back())});
  const MeanStudy& means = study.means;
  claims->push_back(
      {"One stochastic rounding is worse than the nearest, the mean of 256 at least 5 times better",
       means.stochastic[0] > means.nearest[0] && means.stochastic.back() < means.nearest[0] / 5,
       absl::StrFormat("relative error %.3f; %.3f for one, %.4f for the mean", means.nearest[0],
                       means.stochastic[0], means.stochastic.back())});
}

void AddTrainingClaims(const Study& study, std::vector<Claim>* claims) {
  const FormatRun &bf16 = study.Run("bf16"), &fp8 = study.Run("fp8, scaled"),
                  &nv = study.Run("NVFP4"), &mx = study.Run("MXFP4");
  claims->push_back(
      {"The first gradient is further off the fewer the bits: bf16, fp8, NVFP4, MXFP4",
       bf16.gradient_error < fp8.gradient_error && fp8.gradient_error < nv.gradient_error &&
           nv.gradient_error < mx.gradient_error,
       absl::StrFormat("relative errors %.4f, %.3f, %.3f, %.3f", bf16.gradient_error,
                       fp8.gradient_error, nv.gradient_error, mx.gradient_error)});
  claims->push_back(
      {"... and so is the loss, over all steps",
       bf16.distance < fp8.distance && fp8.distance < nv.distance && nv.distance < mx.distance,
       absl::StrFormat("mean distance from fp32 %.4f, %.4f, %.4f, %.4f nats", bf16.distance,
                       fp8.distance, nv.distance, mx.distance)});
  const FormatRun &lost = study.Run("fp8, E4M3 gradients, no scales"), &fp32 = study.Run("fp32");
  claims->push_back({"E4M3 gradients without a scale underflow, and the model hardly learns",
                     lost.run.Tail() > fp32.run.Tail() + 0.1,
                     absl::StrFormat("loss %.2f, fp32 %.2f", lost.run.Tail(), fp32.run.Tail())});
  const FormatRun& stuck = study.Run("bf16 weights, nearest");
  claims->push_back(
      {"Rounded to nearest, a fifth of bf16 weights and more stand still at the end",
       stuck.run.unchanged.back() > 0.2 && fp32.run.unchanged.back() < 0.05,
       absl::StrFormat("%.0f %% unchanged by the last step; %.0f %% in fp32",
                       100 * stuck.run.unchanged.back(), 100 * fp32.run.unchanged.back())});
}

// Where a run ends is told apart from chance only when it has run long enough.
void AddLossClaims(const Study& study, std::vector<Claim>* claims) {
  const double fp32 = study.Run("fp32").run.Tail();
  const auto gap = [&](const char* name) { return study.Run(name).run.Tail() - fp32; };
  const double bf16 = gap("bf16"), fp8 = gap("fp8, scaled"), nv = gap("NVFP4"), mx = gap("MXFP4");
  claims->push_back({"bf16 ends within 0.01 nats of fp32, scaled fp8 within 0.03",
                     std::fabs(bf16) < 0.01 && std::fabs(fp8) < 0.03,
                     absl::StrFormat("gaps %+.4f and %+.4f", bf16, fp8)});
  claims->push_back({"NVFP4 ends above fp8, MXFP4 above both", fp8 < nv && nv < mx,
                     absl::StrFormat("gaps %+.4f, %+.4f, %+.4f", fp8, nv, mx)});
  const double stochastic = gap("MXFP4, stochastic gradients");
  claims->push_back(
      {"Stochastic rounding of the gradients takes away a quarter of MXFP4's gap or more",
       stochastic < 0.75 * mx, absl::StrFormat("gap %+.4f, to nearest %+.4f", stochastic, mx)});
  const double nearest = gap("bf16 weights, nearest"), random = gap("bf16 weights, stochastic");
  claims->push_back(
      {"bf16 weights without a copy in fp32 cost less than half when rounded stochastically",
       nearest > 0.01 && random < nearest / 2,
       absl::StrFormat("gap %+.4f, to nearest %+.4f", random, nearest)});
}

}  // namespace

std::vector<Claim> ClaimsOf(const Study& study) {
  std::vector<Claim> claims;
  AddCodeClaims(&claims);
  AddNoiseClaims(study, &claims);
  AddRoundingClaims(study, &claims);
  AddTrainingClaims(study, &claims);
  if (study.options.long_enough) AddLossClaims(study, &claims);
  return claims;
}

}  // namespace strata::courses
