// The style sheet and the script of a report page. Internal to the report.
#ifndef STRATA_COURSES_LAB_REPORT_STYLE_H_
#define STRATA_COURSES_LAB_REPORT_STYLE_H_

namespace strata::courses::internal {

extern const char kReportStyle[];
extern const char kReportScript[];  // sorts tables by a click, opens all details before printing

}  // namespace strata::courses::internal

#endif  // STRATA_COURSES_LAB_REPORT_STYLE_H_
