// decompose: takes apart composite ops that the target has no routine for
// (PassContext.library_ops), so that the pieces can be shared by `cse` and joined by `fusion`.
#ifndef STRATA_COMPILER_PASS_DECOMPOSE_H_
#define STRATA_COMPILER_PASS_DECOMPOSE_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateDecompose();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_DECOMPOSE_H_
