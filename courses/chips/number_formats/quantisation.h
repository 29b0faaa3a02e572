// What rounding costs, without a model: noise of every format on two kinds of data, a weight that small updates cannot
// move, and the mean of many roundings.
#ifndef STRATA_COURSES_CHIPS_NUMBER_FORMATS_QUANTISATION_H_
#define STRATA_COURSES_CHIPS_NUMBER_FORMATS_QUANTISATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"

namespace strata::courses {

// Independent samples, the same every time.
std::vector<float> NormalSamples(size_t count);
std::vector<float> HeavySamples(size_t count);  // Student's t with 3 degrees of freedom

// 10 log10 of the power of `values` over that of (rounded - values).
double SignalToNoise(absl::Span<const float> values, absl::Span<const float> rounded);

struct NoisePoint {
  std::string name;
  double bits = 0;      // a value, with its share of the scales
  bool blocks = false;  // else one scale for all, so that the largest value is the format's largest
  double normal = 0, heavy = 0;  // dB
};
absl::StatusOr<std::vector<NoisePoint>> MeasureNoise(size_t samples);

// A weight of 1 that gets `steps` updates of 0.001: exact, in bf16 to nearest, and in bf16 stochastically (one run, and
// the mean of 32).
struct StallStudy {
  std::vector<double> exact, nearest, stochastic, mean;  // [steps + 1]
};
StallStudy MeasureStall(int steps);

// The relative error |mean of n roundings - x| / |x| of a vector in NVFP4.
struct MeanStudy {
  std::vector<double> roundings;            // n
  std::vector<double> nearest, stochastic;  // the error
};
absl::StatusOr<MeanStudy> MeasureMeans(size_t samples, int most);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_NUMBER_FORMATS_QUANTISATION_H_
