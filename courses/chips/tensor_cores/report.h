// The lab's page.
#ifndef STRATA_COURSES_CHIPS_TENSOR_CORES_REPORT_H_
#define STRATA_COURSES_CHIPS_TENSOR_CORES_REPORT_H_

#include <string>

#include "courses/chips/tensor_cores/study.h"
#include "courses/lab/report.h"

namespace strata::courses {

Report MakeReport(const Study& study);

// One object a kind and length of sum, then one a training run.
std::string ToJson(const Study& study);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_TENSOR_CORES_REPORT_H_
