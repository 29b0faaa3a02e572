// Independent training runs on all cores.
#ifndef STRATA_COURSES_CHIPS_LOW_PRECISION_EACH_RUN_H_
#define STRATA_COURSES_CHIPS_LOW_PRECISION_EACH_RUN_H_

#include <cstddef>
#include <functional>

#include "base/status.h"

namespace strata::courses {

// Calls run(0), ..., run(count - 1), each on a thread of its own, as many at a time as there are OpenMP threads; products
// inside a run stay on its thread. A fault of one of them, when there is one.
absl::Status ForEachRun(size_t count, const std::function<absl::Status(size_t)>& run);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_LOW_PRECISION_EACH_RUN_H_
