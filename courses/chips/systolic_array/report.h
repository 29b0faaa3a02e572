// The lab's page.
#ifndef STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_REPORT_H_
#define STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_REPORT_H_

#include <vector>

#include "courses/chips/systolic_array/animation.h"
#include "courses/chips/systolic_array/study.h"
#include "courses/lab/report.h"

namespace strata::courses {

// `traces`: the products that are animated, weights at rest first.
Report MakeReport(const Study& study, const std::vector<GridTrace>& traces);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_REPORT_H_
