#include "chips/cost/cost_model.h"

#include <cmath>

#include "chips/numerics/dtype.h"

namespace strata::chips {
namespace {

absl::Status CheckCount(absl::string_view field, double value) {
  if (std::isfinite(value) && value >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("work: ", field, ": is ", value, "; give a finite count, at least 0"));
}

}  // namespace

absl::string_view BoundName(Bound bound) {
  switch (bound) {
    case Bound::kOverhead:
      return "overhead";
    case Bound::kMemory:
      return "memory";
    case Bound::kCompute:
      return "compute";
  }
  return "unknown";
}

absl::Status ValidateWorkItem(const WorkItem& work) {
  STRATA_RETURN_IF_ERROR(CheckCount("flops", work.flops));
  STRATA_RETURN_IF_ERROR(CheckCount("bytes", work.bytes));
  if (work.flops > 0 && SizeOf(work.dtype) == 0) {
    return absl::InvalidArgumentError(
        "work: dtype: is unset or unknown; name the operands' number format");
  }
  return absl::OkStatus();
}

}  // namespace strata::chips
