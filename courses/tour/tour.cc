#include "courses/tour/tour.h"

#include <algorithm>
#include <cstdio>

namespace strata::courses {

void Tour::Assert(const std::string& claim, bool holds, const std::string& evidence) {
  claims.push_back({claim, holds, evidence});
  std::fprintf(stderr, "   %s %s: %s\n", holds ? "ok  " : "FAIL", claim.c_str(), evidence.c_str());
}

bool Tour::AllHold() const {
  return !claims.empty() &&
         std::all_of(claims.begin(), claims.end(), [](const Claim& claim) { return claim.holds; });
}

}  // namespace strata::courses
