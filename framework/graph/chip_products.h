// The ops of chip_interpreter.h that a machine computes in its own way, each from its operands to its f32 results
// before they are rounded to the node's dtype. Nodes have been verified.
#ifndef STRATA_FRAMEWORK_GRAPH_CHIP_PRODUCTS_H_
#define STRATA_FRAMEWORK_GRAPH_CHIP_PRODUCTS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "chips/numerics/format.h"
#include "framework/graph/chip_arithmetic.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::graph {

using ProductOr = absl::StatusOr<std::vector<float>>;

// `operand` is ChipArithmetic::OperandFormat() of the inputs' dtype.
ProductOr ChipMatmul(const ChipArithmetic& chip, chips::Format operand, const Node& node,
                     absl::Span<const HostTensor> in);
ProductOr ChipContractLeading(const ChipArithmetic& chip, chips::Format operand, const Node& node,
                              absl::Span<const HostTensor> in);
// K runs over the kernel's rows, then columns, then channels. A group of channels is a product of its own.
ProductOr ChipConv2d(const ChipArithmetic& chip, chips::Format operand, const Node& node,
                     absl::Span<const HostTensor> in);

// The sums of the last dim.
std::vector<float> ChipRowSums(const ChipArithmetic& chip, const HostTensor& x);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_CHIP_PRODUCTS_H_
