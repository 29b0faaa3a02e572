// This machine as a Chip: arithmetic rates, cache sizes, read bandwidths and the cost of starting a
// parallel kernel, measured in about a second at start-up and kept for the life of the process.
//
//   STRATA_ASSIGN_OR_RETURN(Chip host, MeasureHost(HostOptions()));
//
// Loops are compiled for several instruction sets and the best one that the CPU has is picked at
// run time, so the figures do not depend on the flags of the build. A rate of a dot-product
// instruction (bf16, int8) carries matrix_unit: elementwise work cannot use it. Formats without an
// instruction of their own have no rate. Thread-safe; the first call measures, under OpenMP.
#ifndef STRATA_CHIPS_SPEC_HOST_HOST_H_
#define STRATA_CHIPS_SPEC_HOST_HOST_H_

#include "base/status.h"
#include "chips/spec/chip.pb.h"

namespace strata::chips {

inline constexpr int kMaxHostThreads = 4096;

struct HostOptions {
  int threads = 0;  // 0: as many as OpenMP would start; else 1..kMaxHostThreads
  // A fifth of the time, coarser; a full measurement that is there is used instead.
  bool quick = false;
};

// A valid chip named "host" whose sources all start with "measured: ". INVALID_ARGUMENT for a
// thread count out of range; RESOURCE_EXHAUSTED when there is no memory to read.
absl::StatusOr<Chip> MeasureHost(const HostOptions& options);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_SPEC_HOST_HOST_H_
