// For tests of labs: which claims do not hold, as they are and after their study was spoiled.
//
//   EXPECT_EQ(FalseClaims(ClaimsOf(study)), "");
//   study.bytes += 1;
//   EXPECT_EQ(FalsePlaces(ClaimsOf(study)), std::vector<size_t>{3});   // claim 3 looks at the bytes
#ifndef STRATA_COURSES_LAB_FALSE_CLAIMS_H_
#define STRATA_COURSES_LAB_FALSE_CLAIMS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "courses/lab/claims.h"

namespace strata::courses {

// A line each, with its evidence.
std::string FalseClaims(const std::vector<Claim>& claims);

// Their places, ascending.
std::vector<size_t> FalsePlaces(const std::vector<Claim>& claims);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_FALSE_CLAIMS_H_
