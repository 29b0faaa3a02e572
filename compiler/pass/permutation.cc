#include "compiler/pass/permutation.h"

#include <numeric>
#include <utility>

#include "framework/graph/attributes.h"

namespace strata::compiler {

using graph::Shape;
using graph::Size;

Permutation IdentityPermutation(int64_t rank) {
  Permutation p(static_cast<size_t>(rank));
  std::iota(p.begin(), p.end(), 0);
  return p;
}

Permutation SwapLastTwo(int64_t rank) {
  Permutation p = IdentityPermutation(rank);
  std::swap(p[p.size() - 1], p[p.size() - 2]);
  return p;
}

bool IsIdentity(const Permutation& p) {
  return p == IdentityPermutation(static_cast<int64_t>(p.size()));
}

Permutation Inverse(const Permutation& p) {
  Permutation inverse(p.size());
  for (size_t d = 0; d < p.size(); ++d)
    inverse[static_cast<size_t>(p[d])] = static_cast<int64_t>(d);
  return inverse;
}

Permutation Compose(const Permutation& inner, const Permutation& outer) {
  Permutation both;
  both.reserve(outer.size());
  for (int64_t d : outer) both.push_back(inner[static_cast<size_t>(d)]);
  return both;
}

Permutation PermutationOf(const graph::Node& node) {
  return graph::AttributeReader(node).Ints("permutation");
}

Shape Permuted(const Shape& shape, const Permutation& p) {
  Shape permuted;
  permuted.reserve(p.size());
  for (int64_t d : p) permuted.push_back(shape[static_cast<size_t>(d)]);
  return permuted;
}

std::optional<Shape> BroadcastBefore(const Shape& shape, const Permutation& p) {
  if (shape.size() > p.size()) return std::nullopt;
  Shape turned(p.size() - shape.size(), Size(1));
  turned.insert(turned.end(), shape.begin(), shape.end());
  const Shape before = Permuted(turned, Inverse(p));
  // The axes that are no ones must come in the old order.
  int64_t last = -1;
  const Permutation inverse = Inverse(p);
  for (size_t d = 0; d < before.size(); ++d) {
    if (before[d] == Size(1)) continue;
    if (inverse[d] < last) return std::nullopt;
    last = inverse[d];
  }
  // Leading ones say nothing; an operand that fits as it stands keeps its dims.
  if (before == turned) return shape;
  size_t ones = 0;
  while (ones < before.size() && before[ones] == Size(1)) ++ones;
  return Shape(before.begin() + static_cast<int64_t>(ones), before.end());
}

}  // namespace strata::compiler
