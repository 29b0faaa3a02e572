// Status plumbing. Every library of Strata reports failure by absl::Status; each level adds the path to the
// fault with Annotate(), so that a message reads from the outside in:
//
//   recipe.textproto: optimizer.beta1: 1.2 is outside [0, 1); give a value below 1
//
// Example:
//   absl::StatusOr<Graph> Load(const std::string& path) {
//     STRATA_ASSIGN_OR_RETURN(std::string text, ReadFile(path));
//     STRATA_RETURN_IF_ERROR(Annotate(Check(text), path));
//     ...
//   }
#ifndef STRATA_BASE_STATUS_H_
#define STRATA_BASE_STATUS_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace strata {

// The same status with "`path`: " before its message; OK stays OK. Payloads are kept.
absl::Status Annotate(const absl::Status& status, absl::string_view path);

// Process exit code of a status for command-line tools: 0 for OK, 2 for bad input, 1 for everything else.
int ExitCode(const absl::Status& status);

}  // namespace strata

#define STRATA_CONCAT_INNER(a, b) a##b
#define STRATA_CONCAT(a, b) STRATA_CONCAT_INNER(a, b)

// Returns from the enclosing function when `expr` (an absl::Status) is not OK.
#define STRATA_RETURN_IF_ERROR(expr)                 \
  do {                                               \
    const absl::Status strata_status_ = (expr);      \
    if (!strata_status_.ok()) return strata_status_; \
  } while (false)

// Declares or assigns `lhs` from `expr` (an absl::StatusOr), or returns its status.
#define STRATA_ASSIGN_OR_RETURN(lhs, expr) \
  STRATA_ASSIGN_OR_RETURN_IMPL(STRATA_CONCAT(strata_statusor_, __LINE__), lhs, expr)
#define STRATA_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                                 \
  if (!tmp.ok()) return tmp.status();                \
  lhs = *std::move(tmp)

#endif  // STRATA_BASE_STATUS_H_
