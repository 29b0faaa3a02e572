// The roofline model: work takes as long as the slower of its arithmetic at the chip's peak rate and
// its traffic at the main memory's bandwidth, as if both overlapped fully, after the launch overhead:
//
//   seconds = overhead + max(flops / PeakFlops, bytes / MainBandwidth)
//
// So it is a lower bound: no kernel is faster on a chip whose figures are right. Source: Williams,
// Waterman, Patterson, "Roofline: an insightful visual performance model", CACM 52(4), 2009.
#ifndef STRATA_CHIPS_COST_ROOFLINE_H_
#define STRATA_CHIPS_COST_ROOFLINE_H_

#include <memory>

#include "base/status.h"
#include "chips/cost/cost_model.h"

namespace strata::chips {

// The best rate for `dtype`: of the vector units, and for matmuls of the matrix units too. A format
// that the chip has no rate for is widened as compilers do it: u8 -> i8 -> f32, bool -> f32, i32, i64,
// bf16, f16 -> f32 -> f64. UNIMPLEMENTED lists the chip's formats when there is none in the chain.
absl::StatusOr<double> PeakFlops(const Chip& chip, DType dtype, bool matmul);

// Bytes a second of the main memory. INVALID_ARGUMENT when the chip has none.
absl::StatusOr<double> MainBandwidth(const Chip& chip);

// FLOPs a byte from which on work of this kind is bound by arithmetic, not by the main memory.
absl::StatusOr<double> RidgePoint(const Chip& chip, DType dtype, bool matmul);

// `bound` is the overhead when it is at least the rest, else the larger of memory and arithmetic (the
// latter when equal).
absl::StatusOr<Estimate> EstimateRoofline(const Chip& chip, const WorkItem& work);

std::unique_ptr<CostModel> MakeRooflineCostModel();

}  // namespace strata::chips

#endif  // STRATA_CHIPS_COST_ROOFLINE_H_
