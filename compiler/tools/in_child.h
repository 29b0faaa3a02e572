// RunInChild: a function in a process of its own, so that a crash or a hang of what it calls is a result, not the end.
//
//   const ChildResult result = RunInChild([&] { return CompileAndRun(graph); }, /*timeout_seconds=*/20);
//   if (result.crashed) ...   // result.text says by which signal
//
// For code that may be miscompiled. Call it before this process starts threads (OpenMP's pool too): a child has only
// the thread that called.
#ifndef STRATA_COMPILER_TOOLS_IN_CHILD_H_
#define STRATA_COMPILER_TOOLS_IN_CHILD_H_

#include <functional>
#include <string>

#include "base/status.h"

namespace strata::compiler {

struct ChildResult {
  bool crashed = false;  // by a signal, a timeout or an exit of its own
  std::string text;      // what the function returned, or how the child ended
};

// What the child writes to its standard error is dropped unless `show_errors`. INTERNAL when no process can be made.
absl::StatusOr<ChildResult> RunInChild(const std::function<std::string()>& function,
                                       int timeout_seconds, bool show_errors = false);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_IN_CHILD_H_
