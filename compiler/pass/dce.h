// dce: drops nodes whose results nobody needs, and their values. Inputs stay: they are the
// arguments of a run.
#ifndef STRATA_COMPILER_PASS_DCE_H_
#define STRATA_COMPILER_PASS_DCE_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateDce();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_DCE_H_
