// IndexAlgebra: what constants, iota and comparisons make, as formulas of the index; what tells a causal mask from any
// other without evaluating it.
//
//   IndexAlgebra algebra(uses);
//   const IndexValue& mask = algebra.Of(value);
//   if (mask.kind == IndexValue::Kind::kChoice) ...   // two numbers, chosen by a linear condition
//
// Exact: whole numbers that their dtype holds; what is not understood is kUnknown. Works with symbolic dims.
#ifndef STRATA_COMPILER_PASS_INDEX_ALGEBRA_H_
#define STRATA_COMPILER_PASS_INDEX_ALGEBRA_H_

#include <optional>
#include <vector>

#include "compiler/pass/graph_uses.h"

namespace strata::compiler {

// constant + sum over k of slopes[k] * (index of the k-th dim from the end). Missing slopes are 0.
struct Affine {
  double constant = 0;
  std::vector<double> slopes;

  double slope(size_t k) const { return k < slopes.size() ? slopes[k] : 0; }
  bool is_constant() const;
};

struct IndexValue {
  enum class Kind { kUnknown, kAffine, kChoice };
  Kind kind = Kind::kUnknown;
  // kAffine: the element. kChoice: `yes` where this is <= 0 (a whole number), else `no`.
  Affine affine;
  double yes = 0, no = 0;  // kChoice; a bool is 1 or 0

  bool is_constant() const { return kind == Kind::kAffine && affine.is_constant(); }
};

class IndexAlgebra {
 public:
  explicit IndexAlgebra(const GraphUses& uses);

  const IndexValue& Of(graph::ValueId value) { return Evaluate(value, 0); }

  // The number that every element of a value is.
  std::optional<double> Splat(graph::ValueId value);

 private:
  const IndexValue& Evaluate(graph::ValueId value, int depth);
  IndexValue EvaluateNode(const graph::Node& node, int depth);

  const GraphUses& uses_;
  std::vector<std::optional<IndexValue>> known_;  // by value
};

// The condition that holds where `condition` does not.
Affine Not(const Affine& condition);

enum class MaskKind {
  kAll,     // every key is visible
  kCausal,  // query i sees key j when j <= i + keys - queries
  kOther,
};

// Of a condition that holds (<= 0) where a key is visible; the last dim counts keys, the one before it queries.
MaskKind ClassifyMask(const Affine& visible, const graph::Size& queries, const graph::Size& keys);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_INDEX_ALGEBRA_H_
