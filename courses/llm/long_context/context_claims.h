// What the lab claims of a study, each with its evidence. Internal to the lab.
#ifndef STRATA_COURSES_LLM_LONG_CONTEXT_CONTEXT_CLAIMS_H_
#define STRATA_COURSES_LLM_LONG_CONTEXT_CONTEXT_CLAIMS_H_

#include <vector>

#include "courses/llm/long_context/study.h"

namespace strata::courses {

std::vector<ContextClaim> ClaimsOf(const LongContext& study);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_LONG_CONTEXT_CONTEXT_CLAIMS_H_
