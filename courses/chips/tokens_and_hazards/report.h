// The lab's page.
#ifndef STRATA_COURSES_CHIPS_TOKENS_AND_HAZARDS_REPORT_H_
#define STRATA_COURSES_CHIPS_TOKENS_AND_HAZARDS_REPORT_H_

#include "courses/chips/tokens_and_hazards/pipeline.h"
#include "courses/lab/report.h"

namespace strata::courses {

Report MakeReport(const Lab& lab);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_TOKENS_AND_HAZARDS_REPORT_H_
