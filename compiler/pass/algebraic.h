// algebraic: local rewrites that hold for every number, NaN and infinities included: x * 1, x / 1,
// x + 0, - - x, views of views, stretches and sums to the same shape, chains of products with
// constants. See the table in algebraic.cc.
#ifndef STRATA_COMPILER_PASS_ALGEBRAIC_H_
#define STRATA_COMPILER_PASS_ALGEBRAIC_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateAlgebraic();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_ALGEBRAIC_H_
