#include "inference/compress/layer_weights.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "inference/compress/fixed_point.h"

namespace strata::inference {
namespace {

using graph::HostTensor;

constexpr double kLevels = 127;
constexpr double kMostBias =
    536870912;  // 2^29 units: leaves room for the sum of products in an i32

absl::Status CheckFinite(const std::vector<double>& values, const char* what) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i]))
      return absl::InvalidArgumentError(absl::StrCat(what, ": element ", i, " is not finite"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LayerWeights> QuantizeLayer(const HostTensor& weight, int channel_axis,
                                           const HostTensor& bias, double input_scale) {
  std::vector<double> w = weight.ToDoubles(), b;
  STRATA_RETURN_IF_ERROR(CheckFinite(w, "weight"));
  if (bias.dtype() != chips::DTYPE_UNSPECIFIED) b = bias.ToDoubles();
  STRATA_RETURN_IF_ERROR(CheckFinite(b, "bias"));
  size_t inner = 1;  // elements between two channels
  for (size_t d = static_cast<size_t>(channel_axis) + 1; d < weight.dims().size(); ++d)
    inner *= static_cast<size_t>(weight.dims()[d]);
  const auto channels = static_cast<size_t>(weight.dims()[static_cast<size_t>(channel_axis)]);
  const auto channel = [=](size_t i) { return i / inner % channels; };

  std::vector<double> scale(channels, 0.0);
  for (size_t i = 0; i < w.size(); ++i)
    scale[channel(i)] = std::max(scale[channel(i)], std::fabs(w[i]) / kLevels);
  for (size_t c = 0; c < b.size(); ++c)
    scale[c] = std::max(scale[c], std::fabs(b[c]) / (input_scale * kMostBias));
  for (double& s : scale) s = s == 0 ? 1 / kLevels : s;

  LayerWeights layer;
  for (size_t i = 0; i < w.size(); ++i) w[i] = std::nearbyint(w[i] / scale[channel(i)]);
  layer.weight = HostTensor::FromDoubles(chips::I8, weight.dims(), w);
  for (double s : scale) layer.sum_scales.push_back(s * input_scale);
  for (size_t c = 0; c < b.size(); ++c) b[c] = std::nearbyint(b[c] / layer.sum_scales[c]);
  if (!b.empty()) layer.bias = HostTensor::FromDoubles(chips::I32, bias.dims(), b);
  return layer;
}

absl::StatusOr<Requantizer> RequantizerOf(const std::vector<double>& scales, double factor) {
  std::vector<int32_t> multipliers, shifts;
  for (size_t c = 0; c < scales.size(); ++c) {
    const absl::StatusOr<FixedPoint> ratio = FixedPointOf(scales[c] * factor);
    if (!ratio.ok()) return Annotate(ratio.status(), absl::StrCat("channel ", c));
    multipliers.push_back(ratio->multiplier);
    shifts.push_back(ratio->shift);
  }
  const auto channels = static_cast<int64_t>(scales.size());
  return Requantizer{HostTensor::FromVector<int32_t>({channels}, multipliers),
                     HostTensor::FromVector<int32_t>({channels}, shifts)};
}

}  // namespace strata::inference
