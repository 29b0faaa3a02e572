// The passes that a graph goes through before it is lowered, by target, in order.
//
//   RegisterAllPasses();
//   STRATA_ASSIGN_OR_RETURN(std::vector<std::string> passes, PassesOf(NpuPipeline(), options));
#ifndef STRATA_COMPILER_DRIVER_PIPELINES_H_
#define STRATA_COMPILER_DRIVER_PIPELINES_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/driver/compiler.h"

namespace strata::compiler {

// For the CPU: what `strata compile` runs and `skip_passes` leaves out.
std::vector<std::string> StrataPipeline();

// For the device "npu".
std::vector<std::string> NpuPipeline();

// `pipeline` with what `options` ask for: mixed_precision for compute_dtype BF16, skip_passes left out. INVALID_ARGUMENT
// for another compute_dtype, and for skipped passes that do not exist.
absl::StatusOr<std::vector<std::string>> PassesOf(std::vector<std::string> pipeline,
                                                  const CompileOptions& options);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_PIPELINES_H_
