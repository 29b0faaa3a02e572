#include "courses/tour/tour.h"

#include <algorithm>
#include <cstdio>

namespace strata::courses {

void Tour::Claim(const std::string& claim, bool holds, const std::string& evidence) {
  checks.push_back({claim, holds, evidence});
  std::fprintf(stderr, "   %s %s: %s\n", holds ? "ok  " : "FAIL", claim.c_str(), evidence.c_str());
}

bool Tour::AllHold() const {
  return !checks.empty() && std::all_of(checks.begin(), checks.end(), [](const Check& check) { return check.holds; });
}

}  // namespace strata::courses
