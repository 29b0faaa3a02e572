// How far legal implementations of one op may be apart in its result: what rounding_spread.h moves results by.
//
//   STRATA_RETURN_IF_ERROR(MoveWithinRounding(node, operands, /*output=*/0, &random, &result));
//
// An element moves by a few units in the last place, times the number of terms and the sum of their magnitudes where
// the op adds up. Where the finite terms of an f32 sum have magnitudes that add up to more than the largest f32, the
// order of the terms decides whether a partial sum overflows: whether the result is a number, an infinity or a NaN.
// That is out of the ops' contract, and such elements become a NaN, an infinity or a zero at random, so that runs
// differ there. Infinities and NaN among the operands are within it: they must come through.
#ifndef STRATA_COMPILER_TOOLS_OP_ROUNDING_H_
#define STRATA_COMPILER_TOOLS_OP_ROUNDING_H_

#include <random>
#include <vector>

#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

// Units in the last place that one elementary function or one rounding may err by.
inline constexpr double kRoundingUnits = 3;

// Of one; 0 for integers.
double EpsilonOf(chips::DType dtype);

// Moves the elements of `result`, output `output` of the node on `operands`, at random. Errors are the interpreter's.
absl::Status MoveWithinRounding(const graph::Node& node,
                                const std::vector<graph::HostTensor>& operands, int output,
                                std::mt19937* random, graph::HostTensor* result);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_OP_ROUNDING_H_
