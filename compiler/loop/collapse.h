// Collapse: merges neighbouring dims that all accesses walk as one, and puts the dims in loop order.
#ifndef STRATA_COMPILER_LOOP_COLLAPSE_H_
#define STRATA_COMPILER_LOOP_COLLAPSE_H_

#include "compiler/loop/computation.h"

namespace strata::compiler::loop {

// Before: dims in row-major order of the values. After: kLoop and kRow have kept dims then reduced dims; kColumn has
// kept dims but the last, reduced dims, the last kept dim.
void Collapse(Computation* computation);

}  // namespace strata::compiler::loop

#endif  // STRATA_COMPILER_LOOP_COLLAPSE_H_
