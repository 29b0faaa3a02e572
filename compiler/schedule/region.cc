#include "compiler/schedule/region.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/text.h"

namespace strata::compiler::schedule {
namespace {

// e / divisor % modulus, where the terms of e split cleanly.
absl::StatusOr<Affine> DigitOf(const Affine& e, const Digit& digit, const Extents& extents) {
  const int64_t above = digit.modulus == 0 ? 0 : digit.divisor * digit.modulus;
  Affine low, mine;
  const auto place = [&](const Affine& term, int64_t size) {
    if (above != 0 && size % above == 0) return;
    (size % digit.divisor == 0 ? mine : low) += term;
  };
  for (const auto& [name, coefficient] : e.terms())
    place(Affine::Index(name, coefficient), coefficient);
  // The constant gives each part its share.
  int64_t constant = e.constant();
  if (above != 0) constant %= above;
  low += constant % digit.divisor;
  mine += constant / digit.divisor * digit.divisor;
  const Interval low_range = low.Range(extents), range = mine.Range(extents);
  const bool fits = e.constant() >= 0 && low_range.low >= 0 && low_range.high < digit.divisor &&
                    range.low >= 0 && (above == 0 || range.high < above);
  if (!fits) {
    return absl::UnimplementedError(
        absl::StrCat("the index ", e.Text(), " does not split at /", digit.divisor,
                     digit.modulus == 0 ? "" : absl::StrCat(" %", digit.modulus),
                     "; split its loops by that before"));
  }
  Affine result = mine.constant() / digit.divisor;
  for (const auto& [name, coefficient] : mine.terms()) {
    result += Affine::Index(name, coefficient / digit.divisor);
  }
  return result;
}

}  // namespace

absl::StatusOr<Region> RegionOf(const std::vector<const Access*>& accesses,
                                const std::set<std::string>& inner, const Extents& extents) {
  Region region;
  const size_t rank = accesses[0]->index.size();
  for (size_t d = 0; d < rank; ++d) {
    const auto moving = [&](const Access& access) {
      const Affine fixed = access.index[d].Without(inner);
      return fixed - fixed.constant();
    };
    const Affine base = moving(*accesses[0]);
    Interval range = (accesses[0]->index[d] - base).Range(extents);
    for (const Access* access : accesses) {
      if (!(moving(*access) == base)) {
        return absl::UnimplementedError(
            absl::StrCat(AccessText(*accesses[0]), " and ", AccessText(*access),
                         " move apart from iteration to iteration; no box holds both"));
      }
      const Interval other = (access->index[d] - base).Range(extents);
      range = {std::min(range.low, other.low), std::max(range.high, other.high)};
    }
    region.base.push_back(base + range.low);
    region.extent.push_back(range.high - range.low + 1);
  }
  return region;
}

absl::StatusOr<std::vector<Affine>> DigitsOf(const std::vector<Affine>& index,
                                             const std::vector<Digit>& layout,
                                             const Extents& extents) {
  std::vector<Affine> digits;
  for (const Digit& digit : layout) {
    STRATA_ASSIGN_OR_RETURN(Affine value,
                            DigitOf(index[static_cast<size_t>(digit.dim)], digit, extents));
    digits.push_back(std::move(value));
  }
  return digits;
}

absl::StatusOr<std::vector<int64_t>> DigitExtents(const Region& region,
                                                  const std::vector<Digit>& layout) {
  std::vector<int64_t> extents(layout.size(), 1);
  for (size_t d = 0; d < region.extent.size(); ++d) {
    // Follows the digits of dim d from the finest up.
    std::vector<bool> seen(layout.size(), false);
    for (int64_t divisor = 1; divisor != 0;) {
      size_t at = layout.size();
      for (size_t i = 0; i < layout.size(); ++i) {
        const bool fits =
            !seen[i] && layout[i].dim == static_cast<int>(d) && layout[i].divisor == divisor;
        // d0%1 comes before d0.
        if (fits && (at == layout.size() || layout[at].modulus == 0)) at = i;
      }
      if (at == layout.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat("layout: dim ", d, " has no digit d", d, "/", divisor,
                         "; each dim needs digits like d0%4, d0/4%8, d0/32, once"));
      }
      seen[at] = true;
      const int64_t modulus = layout[at].modulus;
      extents[at] = modulus != 0 ? modulus : (region.extent[d] + divisor - 1) / divisor;
      if (layout[at].padded != 0 && layout[at].padded < extents[at]) {
        return absl::InvalidArgumentError(absl::StrCat("layout: digit ", at, " has ", extents[at],
                                                       " values, its padded size is ",
                                                       layout[at].padded));
      }
      divisor = modulus == 0 ? 0 : divisor * modulus;
    }
    for (size_t at = 0; at < layout.size(); ++at) {
      if (layout[at].dim == static_cast<int>(d) && !seen[at]) {
        return absl::InvalidArgumentError(
            absl::StrCat("layout: digit ", at, " holds dim ", d, " again"));
      }
    }
  }
  for (const Digit& digit : layout) {
    if (digit.dim >= static_cast<int>(region.extent.size())) {
      return absl::InvalidArgumentError(absl::StrCat("layout: there is no dim d", digit.dim));
    }
  }
  return extents;
}

}  // namespace strata::compiler::schedule
