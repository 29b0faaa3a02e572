// Runs a program to its end: bytes in, bytes out. Used for the system compiler and for `exec:` stand-ins.
#ifndef STRATA_BASE_SUBPROCESS_H_
#define STRATA_BASE_SUBPROCESS_H_

#include <string>
#include <vector>

#include "base/status.h"

namespace strata {

struct SubprocessResult {
  int exit_code = 0;  // 128 + signal number when a signal ended it
  std::string standard_output;
  std::string standard_error;
};

// Runs argv[0] (looked up on PATH) with `input` on its standard input. NOT_FOUND when it cannot be started. A non-zero
// exit is not an error here: the caller reads exit_code. Safe with large input and output (no pipe deadlock).
absl::StatusOr<SubprocessResult> RunSubprocess(const std::vector<std::string>& argv,
                                               const std::string& input = "");

}  // namespace strata

#endif  // STRATA_BASE_SUBPROCESS_H_
