// Reverse-mode differentiation, Graph -> Graph: the backward pass is more of the same graph, built from each op's own
// gradient definition. Griewank & Walther, Evaluating Derivatives (2008), chapter 3.
//
//   ValueId loss = ...;                                          // a scalar
//   STRATA_ASSIGN_OR_RETURN(std::vector<ValueId> grads, Gradients(builder, loss, {w, b}));
//
// Gradients are ordinary values and can be differentiated again.
#ifndef STRATA_FRAMEWORK_AUTODIFF_GRADIENTS_H_
#define STRATA_FRAMEWORK_AUTODIFF_GRADIENTS_H_

#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "framework/graph/builder.h"

namespace strata::framework {

// d loss / d w for each w in `wrt`, of w's type. `loss` must be a float scalar (rank 0). A w that does not reach the
// loss gets zeros. Gradient nodes carry the origin of the node they differentiate with "grad " before it; gradients of
// inputs of kind PARAMETER are marked with Value.gradient_of. UNIMPLEMENTED names an op without a gradient on the path.
absl::StatusOr<std::vector<graph::ValueId>> Gradients(graph::Builder& builder, graph::ValueId loss,
                                                      absl::Span<const graph::ValueId> wrt);

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_AUTODIFF_GRADIENTS_H_
