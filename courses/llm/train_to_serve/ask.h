// The model of a file asked twice: its engine in this process, one question after another, and a server over HTTP, all
// questions at once.
#ifndef STRATA_COURSES_LLM_TRAIN_TO_SERVE_ASK_H_
#define STRATA_COURSES_LLM_TRAIN_TO_SERVE_ASK_H_

#include <string>
#include <vector>

#include "base/status.h"

namespace strata::courses {

// One question and the texts of its answers' tokens.
struct Answer {
  std::string prompt;
  double temperature = 0;
  std::vector<std::string> engine_tokens = {}, served_tokens = {};
};

absl::StatusOr<std::vector<Answer>> AskBothWays(const std::string& path);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_TRAIN_TO_SERVE_ASK_H_
