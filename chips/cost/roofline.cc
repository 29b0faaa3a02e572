#include "chips/cost/roofline.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "chips/numerics/dtype.h"

namespace strata::chips {
namespace {

// The format that `dtype` is computed in when the chip has no rate for it; unspecified when none.
DType Wider(DType dtype) {
  switch (dtype) {
    case U8:
      return I8;
    case F8_E4M3:
    case F8_E5M2:
      return BF16;
    case I8:
    case BOOL:
    case I32:
    case I64:
    case BF16:
    case F16:
      return F32;
    case F32:
      return F64;
    default:
      return DTYPE_UNSPECIFIED;
  }
}

// 0 when there is none.
double BestRate(const Chip& chip, DType dtype, bool matmul) {
  double best = 0;
  for (const ComputeRate& rate : chip.rates()) {
    if (rate.dtype() != dtype || (rate.matrix_unit() && !matmul)) continue;
    best = std::max(best, rate.flops_per_second().value());
  }
  return best;
}

absl::Status NoRate(const Chip& chip, DType dtype, bool matmul) {
  std::vector<std::string> known;
  for (const ComputeRate& rate : chip.rates()) {
    known.push_back(
        absl::StrCat(DTypeName(rate.dtype()), rate.matrix_unit() ? " (matmul only)" : ""));
  }
  return absl::UnimplementedError(
      absl::StrCat("chip '", chip.name(), "': rates: none for ", DTypeName(dtype),
                   matmul ? " matmuls" : " elementwise work", " or a wider format; there is: ",
                   absl::StrJoin(known, ", "), "; add a rate or cast the work"));
}

Bound BoundOf(const Estimate& estimate) {
  const double busy = std::max(estimate.compute_seconds, estimate.memory_seconds);
  if (estimate.overhead_seconds >= busy) return Bound::kOverhead;
  return estimate.compute_seconds >= estimate.memory_seconds ? Bound::kCompute : Bound::kMemory;
}

class RooflineCostModel : public CostModel {
 public:
  absl::StatusOr<Estimate> Predict(const Chip& chip, const WorkItem& work) const override {
    return EstimateRoofline(chip, work);
  }
};

}  // namespace

absl::StatusOr<double> PeakFlops(const Chip& chip, DType dtype, bool matmul) {
  for (DType wide = dtype; wide != DTYPE_UNSPECIFIED; wide = Wider(wide)) {
    const double rate = BestRate(chip, wide, matmul);
    if (rate > 0) return rate;
  }
  return NoRate(chip, dtype, matmul);
}

absl::StatusOr<double> MainBandwidth(const Chip& chip) {
  for (const MemoryLevel& level : chip.memories()) {
    const double bandwidth = level.bandwidth_bytes_per_second().value();
    if (level.kind() == MAIN_MEMORY && bandwidth > 0) return bandwidth;
  }
  return absl::InvalidArgumentError(absl::StrCat("chip '", chip.name(),
                                                 "': memories: no MAIN_MEMORY with a ",
                                                 "bandwidth; check the chip with ValidateChip()"));
}

absl::StatusOr<double> RidgePoint(const Chip& chip, DType dtype, bool matmul) {
  STRATA_ASSIGN_OR_RETURN(const double peak, PeakFlops(chip, dtype, matmul));
  STRATA_ASSIGN_OR_RETURN(const double bandwidth, MainBandwidth(chip));
  return peak / bandwidth;
}

absl::StatusOr<Estimate> EstimateRoofline(const Chip& chip, const WorkItem& work) {
  STRATA_RETURN_IF_ERROR(ValidateWorkItem(work));
  STRATA_ASSIGN_OR_RETURN(const double bandwidth, MainBandwidth(chip));
  Estimate estimate;
  estimate.memory_seconds = work.bytes / bandwidth;
  if (work.flops > 0) {
    STRATA_ASSIGN_OR_RETURN(const double peak, PeakFlops(chip, work.dtype, work.matmul));
    estimate.compute_seconds = work.flops / peak;
  }
  estimate.overhead_seconds = chip.launch_overhead_seconds().value();
  estimate.seconds =
      estimate.overhead_seconds + std::max(estimate.compute_seconds, estimate.memory_seconds);
  estimate.bound = BoundOf(estimate);
  return estimate;
}

std::unique_ptr<CostModel> MakeRooflineCostModel() { return std::make_unique<RooflineCostModel>(); }

}  // namespace strata::chips
