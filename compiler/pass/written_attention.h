// Attention written out in many ways, for tests of what recognises it.
#ifndef STRATA_COMPILER_PASS_WRITTEN_ATTENTION_H_
#define STRATA_COMPILER_PASS_WRITTEN_ATTENTION_H_

#include <string>
#include <vector>

#include "framework/graph/builder.h"

namespace strata::compiler {

struct WrittenAttention {
  enum class Mask {
    kNone,
    kSelect,        // select(j <= i, scores, -inf), from iota
    kSelectHidden,  // select(i < j, -1e9, scores)
    kAdd,           // scores + select(j <= i, 0, -1e30)
    kArithmetic,    // scores - (1 - cast(j <= i)) * 1e9
    kSlice,         // rows and columns cut out of a larger mask, of rank 4
    kLate,          // near miss: key i + 1 is visible too
    kWeak,          // near miss: hides with -1
    kInput,         // near miss: an input decides
    kPerRow,        // near miss: rows of the batch see different keys
  };
  enum class Softmax { kOp, kDiv, kReciprocal, kOtherAxis };
  enum class Scale { kNone, kMul, kDiv, kQuery, kAfterMask };

  Mask mask = Mask::kSelect;
  Softmax softmax = Softmax::kOp;
  Scale scale = Scale::kMul;
  int rank = 4;            // of the products' operands: 2 [T, D], 3 [B·H, T, D], 4 [B, H, T, D]
  bool from_heads = true;  // rank 3 and 4: operands are transposes of [B, T, H, D]
  bool copy_keys = false;  // kᵀ is a transpose, not a flag
  int64_t group = 1;       // query heads a key head; above 1: repeated with broadcast_to
  int64_t batch = 2, heads = 4, queries = 5, keys = 5, width = 6;

  std::string Name() const;
};

// The operands are the inputs "q", "k", "v" (PARAMETER), the result the output "out"; also the value of `probabilities`
// and `scores` for tests that read them elsewhere.
struct WrittenValues {
  graph::ValueId q, k, v, scores, probabilities, out;
};
WrittenValues WriteAttention(graph::Builder& b, const WrittenAttention& how);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_WRITTEN_ATTENTION_H_
