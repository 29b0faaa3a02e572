// The lab's page.
#ifndef STRATA_COURSES_CHIPS_NUMBER_FORMATS_REPORT_H_
#define STRATA_COURSES_CHIPS_NUMBER_FORMATS_REPORT_H_

#include <string>

#include "courses/chips/number_formats/study.h"
#include "courses/lab/report.h"

namespace strata::courses {

Report MakeReport(const Study& study);

// One object a format, then one a training run.
std::string ToJson(const Study& study);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_NUMBER_FORMATS_REPORT_H_
