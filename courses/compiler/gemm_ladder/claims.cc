#include "courses/compiler/gemm_ladder/claims.h"

#include "absl/strings/str_format.h"

namespace strata::courses {
namespace {

using compiler::GemmCounts;
using compiler::GemmRung;

const GemmRung& Named(const std::vector<GemmRung>& rungs, const std::string& name) {
  static const GemmRung* const none = new GemmRung();
  for (const GemmRung& rung : rungs) {
    if (rung.name == name) return rung;
  }
  return *none;
}

// That `after` has at most 1 / factor of what `before` has.
Claim Saves(const std::vector<GemmRung>& rungs, const std::string& before, const std::string& after,
            const std::string& what, double GemmCounts::*count, double factor) {
  const double from = Named(rungs, before).counts.*count, to = Named(rungs, after).counts.*count;
  return {absl::StrFormat("%s: at least %g times fewer %s than %s", after, factor, what, before),
          to > 0 && to * factor <= from, absl::StrFormat("%.0f, down from %.0f", to, from)};
}

}  // namespace

std::vector<Claim> CountedClaims(const std::vector<GemmRung>& rungs) {
  std::vector<Claim> claims;
  for (const GemmRung& rung : rungs) {
    claims.push_back({rung.name + ": agrees with sums in double precision", rung.error <= 1,
                      absl::StrFormat("largest error %.2g of what rounding allows", rung.error)});
  }
  claims.push_back(Saves(rungs, "naive", "tiled", "cache lines fetched", &GemmCounts::lines, 5));
  claims.push_back(Saves(rungs, "tiled", "packed", "loads", &GemmCounts::loads, 1.5));
  claims.push_back(Saves(rungs, "packed", "vector", "multiply-add instructions",
                         &GemmCounts::multiply_adds, 15));
  claims.push_back(Saves(rungs, "vector", "tuned", "loads", &GemmCounts::loads, 1.5));
  return claims;
}

std::vector<Claim> MeasuredClaims(const std::vector<GemmRung>& rungs) {
  std::vector<Claim> claims;
  for (size_t i = 1; i < rungs.size(); ++i) {
    if (rungs[i].name == "packed") continue;
    const double before = rungs[i - 1].seconds, after = rungs[i].seconds;
    claims.push_back({rungs[i].name + " is faster than " + rungs[i - 1].name,
                      after > 0 && after < before, absl::StrFormat("%.2f times", before / after)});
  }
  return claims;
}

}  // namespace strata::courses
