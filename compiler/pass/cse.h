// cse: of nodes that compute the same from the same, keeps the first. After `decompose` this makes
// the backward pass share the statistics (means, maxima, reciprocal deviations) that the forward
// pass has computed.
#ifndef STRATA_COMPILER_PASS_CSE_H_
#define STRATA_COMPILER_PASS_CSE_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateCse();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_CSE_H_
