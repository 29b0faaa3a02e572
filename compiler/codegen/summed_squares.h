// SummedSquares: squares that a kernel adds to their sum as it makes them, rounded once (v_fma).
#ifndef STRATA_COMPILER_CODEGEN_SUMMED_SQUARES_H_
#define STRATA_COMPILER_CODEGEN_SUMMED_SQUARES_H_

#include <set>

#include "compiler/loop/schedule.h"

namespace strata::compiler {

// Exprs of a row kernel that are squares in f32 of what an earlier reduction of the row is part of, and that nothing but
// a sum or mean needs: those of a variance. Fusion never parts such a square from its sum, however many rows there are,
// so that a row's bits stay the same; other products are rounded before they are added.
std::set<int> SummedSquares(const loop::Nest& nest);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_CODEGEN_SUMMED_SQUARES_H_
