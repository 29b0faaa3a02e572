// Permutations of axes, as the op `transpose` has them: axis d of the result is axis p[d] of the operand.
#ifndef STRATA_COMPILER_PASS_PERMUTATION_H_
#define STRATA_COMPILER_PASS_PERMUTATION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "framework/graph/graph.pb.h"
#include "framework/graph/types.h"

namespace strata::compiler {

using Permutation = std::vector<int64_t>;

Permutation IdentityPermutation(int64_t rank);
Permutation SwapLastTwo(int64_t rank);  // rank >= 2
bool IsIdentity(const Permutation& p);
Permutation Inverse(const Permutation& p);
// transpose(transpose(x, inner), outer) is transpose(x, Compose(inner, outer)).
Permutation Compose(const Permutation& inner, const Permutation& outer);

// Of a `transpose` node.
Permutation PermutationOf(const graph::Node& node);

graph::Shape Permuted(const graph::Shape& shape, const Permutation& p);

// An operand of shape `shape` is broadcast against arrays of which the axes are turned by `p`. The dims under which its
// elements, in the order they have, fit the arrays before they are turned; nullopt when they would have to move.
std::optional<graph::Shape> BroadcastBefore(const graph::Shape& shape, const Permutation& p);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_PERMUTATION_H_
