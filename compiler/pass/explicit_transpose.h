// explicit_transpose: a matmul of transposed operands becomes a transpose and a plain matmul, where the
// machine has a program for the plain one only (PassContext::npu_accepts): an output-stationary array, say,
// loads no transposed weights.
#ifndef STRATA_COMPILER_PASS_EXPLICIT_TRANSPOSE_H_
#define STRATA_COMPILER_PASS_EXPLICIT_TRANSPOSE_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateExplicitTranspose();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_EXPLICIT_TRANSPOSE_H_
