#include "courses/chips/low_precision/each_run.h"

#include <vector>

namespace strata::courses {

absl::Status ForEachRun(size_t count, const std::function<absl::Status(size_t)>& run) {
  std::vector<absl::Status> faults(count);
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < count; ++i) faults[i] = run(i);
  for (const absl::Status& fault : faults) STRATA_RETURN_IF_ERROR(fault);
  return absl::OkStatus();
}

}  // namespace strata::courses
