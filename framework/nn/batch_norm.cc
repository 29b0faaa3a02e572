#include "framework/nn/batch_norm.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::framework {
namespace {

using graph::HostTensor;

absl::Status CheckChannels(const HostTensor& tensor, const char* name, const HostTensor& weight) {
  if (tensor.dtype() == weight.dtype() && tensor.rank() == 1 &&
      tensor.dims()[0] == weight.dims().back())
    return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, ": is ", tensor.TypeString(), "; must be ", chips::DTypeName(weight.dtype()), "[",
      weight.dims().back(), "] like the weight ", weight.TypeString()));
}

}  // namespace

absl::StatusOr<FoldedConv> FoldBatchNorm(const HostTensor& weight, const HostTensor& bias,
                                         const BatchNorm& norm) {
  if (!chips::IsFloat(weight.dtype()) || weight.rank() < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("weight: is ", weight.TypeString(), "; must be [..., O] of a float dtype"));
  }
  const bool has_bias = bias.dtype() != chips::DTYPE_UNSPECIFIED;
  if (has_bias) STRATA_RETURN_IF_ERROR(CheckChannels(bias, "bias", weight));
  STRATA_RETURN_IF_ERROR(CheckChannels(norm.gamma, "gamma", weight));
  STRATA_RETURN_IF_ERROR(CheckChannels(norm.beta, "beta", weight));
  STRATA_RETURN_IF_ERROR(CheckChannels(norm.mean, "mean", weight));
  STRATA_RETURN_IF_ERROR(CheckChannels(norm.variance, "variance", weight));
  const std::vector<double> gamma = norm.gamma.ToDoubles(), beta = norm.beta.ToDoubles(),
                            mean = norm.mean.ToDoubles(), variance = norm.variance.ToDoubles();
  std::vector<double> w = weight.ToDoubles(), b(gamma.size(), 0.0);
  if (has_bias) b = bias.ToDoubles();
  std::vector<double> scale(gamma.size());
  for (size_t o = 0; o < scale.size(); ++o) {
    if (!(variance[o] + norm.epsilon > 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("variance[", o, "]: is ", variance[o], "; with epsilon it must be above 0"));
    }
    scale[o] = gamma[o] / std::sqrt(variance[o] + norm.epsilon);
    b[o] = (b[o] - mean[o]) * scale[o] + beta[o];
  }
  for (size_t i = 0; i < w.size(); ++i) w[i] *= scale[i % scale.size()];
  return FoldedConv{HostTensor::FromDoubles(weight.dtype(), weight.dims(), w),
                    HostTensor::FromDoubles(weight.dtype(), norm.gamma.dims(), b)};
}

}  // namespace strata::framework
