// What the data of a lab must show. A lab whose claim is false fails.
//
//   std::vector<Claim> ClaimsOf(const Study& study);   // each lab's own; its test spoils the study
//   report.AddClaims(ClaimsOf(study));                 // under a section's title; LabMain prints them
#ifndef STRATA_COURSES_LAB_CLAIMS_H_
#define STRATA_COURSES_LAB_CLAIMS_H_

#include <string>

namespace strata::courses {

struct Claim {
  std::string claim;
  bool holds = false;
  std::string evidence;  // the figures that decide it
};

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_CLAIMS_H_
