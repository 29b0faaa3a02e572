// constant_folding: computes, once, what depends on constants only. A result is kept when all its
// elements are equal (a `constant` holds one number); the rest stays as it is.
#ifndef STRATA_COMPILER_PASS_CONSTANT_FOLDING_H_
#define STRATA_COMPILER_PASS_CONSTANT_FOLDING_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateConstantFolding();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_CONSTANT_FOLDING_H_
