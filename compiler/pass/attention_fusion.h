// attention_fusion: attention that is written out (matmul, scale, mask, softmax, matmul) becomes the op `attention`,
// and its gradient `attention_gradient`, so that no matrix of scores is kept: memory O(T) in place of O(T²).
//
//   %out, %lse = attention(%q, %k, %v) {causal = true, scale = 0.125}
//   %dq, %dk, %dv = attention_gradient(%q, %k, %v, %out, %lse, %dout) {...}
//
// What is recognised: attention_match.h. Around the op stand reshapes and transposes, most of which cancel the ones that
// were there; `dce` drops the mask. Attention whose softmax is written out in primitives is recognised in forward graphs
// only: run the pass before differentiation, then the gradient is that of the op. Heads repeated for grouped keys are
// read before the repetition, in forward graphs. f32 only, as the routine.
//
// A target that lists routines without `attention` keeps what was written.
// After Dao et al. 2022, "FlashAttention" (the op); the rewrite is our own.
#ifndef STRATA_COMPILER_PASS_ATTENTION_FUSION_H_
#define STRATA_COMPILER_PASS_ATTENTION_FUSION_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateAttentionFusion();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_ATTENTION_FUSION_H_
