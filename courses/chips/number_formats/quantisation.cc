#include "courses/chips/number_formats/quantisation.h"

#include <algorithm>
#include <cmath>

#include "chips/numerics/block_format.h"
#include "chips/numerics/format.h"
#include "chips/numerics/philox.h"

namespace strata::courses {
namespace {

using chips::BlockFormat;
using chips::Format;
using chips::RandomBits;
using chips::Rounding;

// Box and Muller's transform of two uniform numbers.
double Normal(const RandomBits& random, uint64_t index) {
  const double u = (random.At(2 * index) + 1.0) / 4294967296.0;
  const double v = random.At(2 * index + 1) / 4294967296.0;
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::acos(-1.0) * v);
}

// One scale, so that the largest magnitude becomes the format's largest.
std::vector<float> RoundScaled(Format format, absl::Span<const float> x) {
  double largest = 0;
  for (const float value : x) largest = std::max<double>(largest, std::fabs(value));
  const double scale = largest / chips::Decode(format, chips::Row(format).LargestCode());
  std::vector<float> rounded;
  for (const float value : x) {
    rounded.push_back(static_cast<float>(chips::RoundTo(format, value / scale) * scale));
  }
  return rounded;
}

absl::StatusOr<std::vector<float>> RoundBlocks(BlockFormat format, absl::Span<const float> x,
                                               const chips::QuantiseOptions& options = {}) {
  STRATA_ASSIGN_OR_RETURN(const chips::BlockArray q, chips::Quantise(format, x, options));
  return chips::Dequantise(q);
}

double Bf16(double value, Rounding rounding, uint32_t random) {
  return chips::RoundTo(Format::kBf16, value, {.rounding = rounding, .random = random});
}

}  // namespace

std::vector<float> NormalSamples(size_t count) {
  const RandomBits random(11);
  std::vector<float> x;
  for (size_t i = 0; i < count; ++i) x.push_back(static_cast<float>(Normal(random, i)));
  return x;
}

std::vector<float> HeavySamples(size_t count) {
  const RandomBits random(12);
  std::vector<float> x;
  for (size_t i = 0; i < count; ++i) {
    double squares = 0;
    for (uint64_t k = 1; k < 4; ++k) squares += std::pow(Normal(random, 4 * i + k), 2);
    x.push_back(static_cast<float>(Normal(random, 4 * i) / std::sqrt(squares / 3)));
  }
  return x;
}

double SignalToNoise(absl::Span<const float> values, absl::Span<const float> rounded) {
  double signal = 0, noise = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    signal += std::pow(static_cast<double>(values[i]), 2);
    noise += std::pow(static_cast<double>(rounded[i]) - values[i], 2);
  }
  return 10 * std::log10(signal / noise);
}

absl::StatusOr<std::vector<NoisePoint>> MeasureNoise(size_t samples) {
  const std::vector<float> normal = NormalSamples(samples), heavy = HeavySamples(samples);
  std::vector<NoisePoint> points;
  for (const chips::FormatRow& row : chips::AllFormats()) {
    if (row.kind == chips::Kind::kScale || row.bits() > 16) continue;
    points.push_back({row.name, static_cast<double>(row.bits()), false,
                      SignalToNoise(normal, RoundScaled(row.format, normal)),
                      SignalToNoise(heavy, RoundScaled(row.format, heavy))});
  }
  for (const chips::BlockRow& row : chips::AllBlockFormats()) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<float> a, RoundBlocks(row.format, normal));
    STRATA_ASSIGN_OR_RETURN(const std::vector<float> b, RoundBlocks(row.format, heavy));
    points.push_back(
        {row.name, row.BitsPerValue(), true, SignalToNoise(normal, a), SignalToNoise(heavy, b)});
  }
  return points;
}

StallStudy MeasureStall(int steps) {
  constexpr int kRuns = 32;
  constexpr double kUpdate = 0.001;
  StallStudy study;
  std::vector<double> runs(kRuns, 1.0);
  double nearest = 1;
  for (int step = 0; step <= steps; ++step) {
    double sum = 0;
    for (const double w : runs) sum += w;
    study.exact.push_back(1 + step * kUpdate);
    study.nearest.push_back(nearest);
    study.stochastic.push_back(runs[0]);
    study.mean.push_back(sum / kRuns);
    nearest = Bf16(nearest + kUpdate, Rounding::kNearestEven, 0);
    const RandomBits random(5, static_cast<uint64_t>(step));
    for (size_t i = 0; i < runs.size(); ++i) {
      runs[i] = Bf16(runs[i] + kUpdate, Rounding::kStochastic, random.At(i));
    }
  }
  return study;
}

absl::StatusOr<MeanStudy> MeasureMeans(size_t samples, int most) {
  const std::vector<float> x = NormalSamples(samples);
  STRATA_ASSIGN_OR_RETURN(const std::vector<float> nearest, RoundBlocks(BlockFormat::kNvFp4, x));
  const double nearest_error = std::pow(10, -SignalToNoise(x, nearest) / 20);
  std::vector<double> sums(x.size(), 0.0);
  MeanStudy study;
  for (int n = 1; n <= most; ++n) {
    STRATA_ASSIGN_OR_RETURN(
        const std::vector<float> y,
        RoundBlocks(BlockFormat::kNvFp4, x,
                    {.rounding = Rounding::kStochastic, .seed = static_cast<uint64_t>(n)}));
    for (size_t i = 0; i < x.size(); ++i) sums[i] += y[i];
    if ((n & (n - 1)) != 0) continue;  // powers of two are kept
    std::vector<float> mean;
    for (const double sum : sums) mean.push_back(static_cast<float>(sum / n));
    study.roundings.push_back(n);
    study.nearest.push_back(nearest_error);
    study.stochastic.push_back(std::pow(10, -SignalToNoise(x, mean) / 20));
  }
  return study;
}

}  // namespace strata::courses
