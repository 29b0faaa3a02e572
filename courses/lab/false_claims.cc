#include "courses/lab/false_claims.h"

#include "absl/strings/str_cat.h"

namespace strata::courses {

std::string FalseClaims(const std::vector<Claim>& claims) {
  std::string lines;
  for (const Claim& claim : claims)
    if (!claim.holds) absl::StrAppend(&lines, claim.claim, ": ", claim.evidence, "\n");
  return lines;
}

std::vector<size_t> FalsePlaces(const std::vector<Claim>& claims) {
  std::vector<size_t> places;
  for (size_t i = 0; i < claims.size(); ++i)
    if (!claims[i].holds) places.push_back(i);
  return places;
}

}  // namespace strata::courses
