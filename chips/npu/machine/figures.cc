#include "chips/npu/machine/figures.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace strata::chips::npu {

absl::Status Bad(absl::string_view path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

absl::Status CheckFigure(absl::string_view path, bool present, const Figure& figure,
                         const Domain& domain) {
  if (!present) return Bad(path, "is unset; give a value and its source");
  const double value = figure.value();
  const bool whole = !domain.whole || value == std::floor(value);
  if (!(value >= domain.low && value <= domain.high) || !whole) {
    return Bad(absl::StrCat(path, ".value"),
               absl::StrCat("is ", value, "; give a ", domain.whole ? "whole " : "", "number from ",
                            domain.low, " to ", domain.high));
  }
  if (absl::StripAsciiWhitespace(figure.source()).empty()) {
    return Bad(absl::StrCat(path, ".source"), "is empty; name the data sheet, or say 'chosen'");
  }
  return absl::OkStatus();
}

absl::Status CheckMemory(const std::string& path, bool present, const Memory& memory) {
  if (!present) return Bad(path, "is unset; describe the memory");
  STRATA_RETURN_IF_ERROR(CheckFigure(absl::StrCat(path, ".capacity_bytes"),
                                     memory.has_capacity_bytes(), memory.capacity_bytes(), kBytes));
  if (memory.banks() < 1 || memory.banks() > 64) {
    return Bad(absl::StrCat(path, ".banks"), "give 1 to 64");
  }
  const uint32_t alignment = memory.alignment_bytes();
  if (alignment == 0 || alignment > 4096 || (alignment & (alignment - 1)) != 0) {
    return Bad(absl::StrCat(path, ".alignment_bytes"), "give a power of two up to 4096");
  }
  const uint64_t bytes = static_cast<uint64_t>(memory.capacity_bytes().value());
  if (bytes % (uint64_t{memory.banks()} * alignment) != 0) {
    return Bad(absl::StrCat(path, ".capacity_bytes"),
               "contradicts banks and alignment_bytes: it is no multiple of their product");
  }
  if (!memory.has_picojoules_per_byte()) return absl::OkStatus();
  return CheckFigure(absl::StrCat(path, ".picojoules_per_byte"), true, memory.picojoules_per_byte(),
                     kEnergy);
}

}  // namespace strata::chips::npu
