// Folding of batch normalisation: at inference it is a scale and a shift a channel, which the convolution before it can
// carry (Ioffe and Szegedy 2015, arXiv:1502.03167; Jacob et al. 2018, arXiv:1712.05877, equation 14).
//
//   STRATA_ASSIGN_OR_RETURN(FoldedConv conv, FoldBatchNorm(weight, bias, {gamma, beta, mean, variance, 1e-5}));
//   // conv2d(x, conv.weight) + conv.bias  =  gamma (conv2d(x, weight) + bias - mean) / sqrt(variance + epsilon) + beta
#ifndef STRATA_FRAMEWORK_NN_BATCH_NORM_H_
#define STRATA_FRAMEWORK_NN_BATCH_NORM_H_

#include "base/status.h"
#include "framework/graph/host_tensor.h"

namespace strata::framework {

// All [O], of the weight's dtype.
struct BatchNorm {
  graph::HostTensor gamma, beta, mean, variance;
  double epsilon = 1e-5;
};

struct FoldedConv {
  graph::HostTensor weight;  // [..., O]
  graph::HostTensor bias;    // [O]
};

// `weight` is [..., O] of a float dtype; `bias` [O], or a HostTensor without storage for none. INVALID_ARGUMENT names
// the operand that does not fit, and a channel whose variance + epsilon is not above 0.
absl::StatusOr<FoldedConv> FoldBatchNorm(const graph::HostTensor& weight,
                                         const graph::HostTensor& bias, const BatchNorm& norm);

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_NN_BATCH_NORM_H_
