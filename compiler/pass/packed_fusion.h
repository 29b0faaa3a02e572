// packed_fusion: matmul_packed nodes that read one x, with weights of one format and layout, become one
// matmul_packed_group: queries, keys and values; gate and up of a feed-forward. x is rounded once, and one kernel streams
// all the weights.
#ifndef STRATA_COMPILER_PASS_PACKED_FUSION_H_
#define STRATA_COMPILER_PASS_PACKED_FUSION_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreatePackedFusion();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_PACKED_FUSION_H_
