// PackedShape: how a kernel of matrix products keeps an operand: panels as wide as a tile, a word of each line side by side.
#ifndef STRATA_COMPILER_GEMM_PACKED_H_
#define STRATA_COMPILER_GEMM_PACKED_H_

#include <cstdint>

#include "compiler/gemm/config.h"
#include "compiler/gemm/problem.h"

namespace strata::compiler {

// Dense: [panels][words][width], of 32-bit words: what one step of a sum takes of one row or column, an f32 or two bf16.
struct PackedShape {
  int64_t panels = 0, words = 0, width = 0;
  int64_t elements() const { return panels * words * width; }
};
PackedShape PackedA(const GemmProblem& problem, const GemmConfig& config);
PackedShape PackedB(const GemmProblem& problem, const GemmConfig& config);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_PACKED_H_
