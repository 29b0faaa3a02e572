// The compiler "reference": every node a host call. Slow, obvious, the plan of right; the one to copy.
#ifndef STRATA_COMPILER_DRIVER_REFERENCE_COMPILER_H_
#define STRATA_COMPILER_DRIVER_REFERENCE_COMPILER_H_

#include <memory>

#include "base/status.h"
#include "compiler/driver/compiler.h"

namespace strata::compiler {

std::unique_ptr<Compiler> CreateReferenceCompiler();

// A plan of host calls for a device; what an external compiler can start from.
absl::StatusOr<plan::Plan> CompileReference(const graph::Graph& graph, const chips::Chip& chip,
                                            const std::string& device);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_REFERENCE_COMPILER_H_
