// attention_expansion: the op `attention` becomes two matmuls and the softmax between them, for machines
// that have no kernel of its own for it.
//
//   scores = scale q kᵀ           [B, H, T, S], a product a head; heads that share keys are one product
//   p = softmax(scores, masked)   causal: query i of row b sees key j when j <= start[b] + i
//   out = p v                     [B, T, H, D]
//
// A query that sees no key gives zeros, as the op has it, and what it does not see may be infinite
// or NaN: with several queries behind a mask, two more products count which infinities and NaN of v
// each query meets. Types with symbols stay as they are. attention_gradient is left alone.
#ifndef STRATA_COMPILER_PASS_ATTENTION_EXPANSION_H_
#define STRATA_COMPILER_PASS_ATTENTION_EXPANSION_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateAttentionExpansion();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_ATTENTION_EXPANSION_H_
