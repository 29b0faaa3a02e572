// The lab's page.
#ifndef STRATA_COURSES_COMPILER_PASS_ABLATION_REPORT_H_
#define STRATA_COURSES_COMPILER_PASS_ABLATION_REPORT_H_

#include <string>
#include <vector>

#include "courses/compiler/pass_ablation/ablation.h"
#include "courses/lab/report.h"

namespace strata::courses {

Report MakeReport(const std::vector<const Ablation*>& ablations, const std::vector<Claim>& claims);

// One object a variant.
std::string ToJson(const Ablation& ablation);

}  // namespace strata::courses

#endif  // STRATA_COURSES_COMPILER_PASS_ABLATION_REPORT_H_
