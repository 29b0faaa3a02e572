// The lab's page.
#ifndef STRATA_COURSES_CHIPS_FIVE_MACHINES_REPORT_H_
#define STRATA_COURSES_CHIPS_FIVE_MACHINES_REPORT_H_

#include <vector>

#include "courses/chips/five_machines/race.h"
#include "courses/lab/report.h"

namespace strata::courses {

Report MakeReport(const std::vector<Heat>& heats);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_FIVE_MACHINES_REPORT_H_
