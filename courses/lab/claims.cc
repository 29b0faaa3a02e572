#include "courses/lab/claims.h"

#include <cstdio>

namespace strata::courses {

bool AddClaims(const std::vector<Claim>& claims, Report& report) {
  bool all = true;
  for (const Claim& claim : claims) {
    report.AddCheck(claim.holds, claim.claim, claim.evidence);
    std::printf("%s  %s: %s\n", claim.holds ? "holds" : "FAILS", claim.claim.c_str(),
                claim.evidence.c_str());
    all = all && claim.holds;
  }
  return all;
}

}  // namespace strata::courses
