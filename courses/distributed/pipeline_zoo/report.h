// The lab's page.
#ifndef STRATA_COURSES_DISTRIBUTED_PIPELINE_ZOO_REPORT_H_
#define STRATA_COURSES_DISTRIBUTED_PIPELINE_ZOO_REPORT_H_

#include "courses/distributed/pipeline_zoo/zoo.h"
#include "courses/lab/report.h"

namespace strata::courses {

Report MakeReport(const Zoo& zoo);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_PIPELINE_ZOO_REPORT_H_
