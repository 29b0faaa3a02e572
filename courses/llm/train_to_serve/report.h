// The lab's page.
#ifndef STRATA_COURSES_LLM_TRAIN_TO_SERVE_REPORT_H_
#define STRATA_COURSES_LLM_TRAIN_TO_SERVE_REPORT_H_

#include <string>

#include "courses/lab/report.h"
#include "courses/llm/train_to_serve/pipeline.h"

namespace strata::courses {

Report MakeReport(const Pipeline& run);

// One object a format.
std::string ToJson(const Pipeline& run);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_TRAIN_TO_SERVE_REPORT_H_
