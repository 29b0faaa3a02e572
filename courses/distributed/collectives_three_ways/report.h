// The lab's page.
#ifndef STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_REPORT_H_
#define STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_REPORT_H_

#include "courses/distributed/collectives_three_ways/study.h"
#include "courses/lab/report.h"

namespace strata::courses {

Report MakeReport(const Study& study);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_REPORT_H_
