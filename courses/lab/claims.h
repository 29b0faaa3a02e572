// Claims of a lab: what its data must show. A lab whose claim is false fails.
//
//   std::vector<Claim> ClaimsOf(const Study& study);       // each lab's own
//   const bool all = AddClaims(ClaimsOf(study), report);   // under a section's title; printed too
#ifndef STRATA_COURSES_LAB_CLAIMS_H_
#define STRATA_COURSES_LAB_CLAIMS_H_

#include <string>
#include <vector>

#include "courses/lab/report.h"

namespace strata::courses {

struct Claim {
  std::string claim;
  bool holds = false;
  std::string evidence;
};

// A check of the report and a line on standard output for each. Returns whether all hold.
bool AddClaims(const std::vector<Claim>& claims, Report& report);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_CLAIMS_H_
