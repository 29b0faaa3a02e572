// What the lab says about the ladder, as something that can be false.
#ifndef STRATA_COURSES_COMPILER_GEMM_LADDER_CLAIMS_H_
#define STRATA_COURSES_COMPILER_GEMM_LADDER_CLAIMS_H_

#include <string>
#include <vector>

#include "compiler/gemm/ladder.h"
#include "courses/lab/claims.h"

namespace strata::courses {

// Every rung agrees with sums in double precision; and by what was counted: blocks save cache lines, registers save loads,
// vectors save instructions, and the tuned tile saves loads again. Nothing here was timed.
std::vector<Claim> CountedClaims(const std::vector<compiler::GemmRung>& rungs);

// Each rung took less time than the one before, but for packed: one multiply-add at a time hides what its loads save. Only
// for rungs that were measured.
std::vector<Claim> MeasuredClaims(const std::vector<compiler::GemmRung>& rungs);

}  // namespace strata::courses

#endif  // STRATA_COURSES_COMPILER_GEMM_LADDER_CLAIMS_H_
