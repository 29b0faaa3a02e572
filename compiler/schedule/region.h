// Region: the box of a buffer that one iteration of a loop touches, and how a packed copy of it is laid out.
#ifndef STRATA_COMPILER_SCHEDULE_REGION_H_
#define STRATA_COMPILER_SCHEDULE_REGION_H_

#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/schedule/program.h"
#include "compiler/schedule/schedule.h"

namespace strata::compiler::schedule {

struct Region {
  std::vector<Affine> base;     // one a dim: the first element, by the indices that stay fixed
  std::vector<int64_t> extent;  // elements a dim from there on; the buffer may end before
};

// The box around `accesses` (all of one buffer of `dims`) while the indices in `inner` run. UNIMPLEMENTED where the
// accesses move apart as the other indices change.
absl::StatusOr<Region> RegionOf(const std::vector<const Access*>& accesses,
                                const std::set<std::string>& inner, const Extents& extents);

// Where the element with the coordinates `index` (relative to the region's base) lies in a buffer of this layout.
// UNIMPLEMENTED where a digit is not affine: its terms must split at the divisor and at the modulus, as they do after a
// loop split by the same factors.
absl::StatusOr<std::vector<Affine>> DigitsOf(const std::vector<Affine>& index,
                                             const std::vector<Digit>& layout,
                                             const Extents& extents);

// The number of values of each digit, without padding. INVALID_ARGUMENT unless the layout holds each element of the
// region once: for each dim, digits d/1%a, d/a%b, d/(a*b), ...
absl::StatusOr<std::vector<int64_t>> DigitExtents(const Region& region,
                                                  const std::vector<Digit>& layout);

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_REGION_H_
