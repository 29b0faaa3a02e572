// For tests of labs: which claims do not hold, as they are and after their study was spoiled.
//
//   EXPECT_EQ(FalseClaims(ClaimsOf(study)), "");
//   EXPECT_TRUE(FailsWhen(study, 3, [](Study& s) { s.bytes += 1; }));   // claim 3 looks at the bytes
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

// Whether claim `place` is false of a copy of the study that was spoiled.
template <typename Study, typename Spoil>
bool FailsWhen(const Study& study, size_t place, const Spoil& spoil) {
  Study spoiled = study;
  spoil(spoiled);
  return !ClaimsOf(spoiled).at(place).holds;
}

// What a study that is being spoiled looks up by name.
template <typename T>
T& Mutable(const T& found) {
  return const_cast<T&>(found);
}

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_FALSE_CLAIMS_H_
