// The compiler "strata": passes, fusion, a kernel for each node, memory.
#ifndef STRATA_COMPILER_DRIVER_STRATA_COMPILER_H_
#define STRATA_COMPILER_DRIVER_STRATA_COMPILER_H_

#include <memory>
#include <string>
#include <vector>

#include "compiler/driver/compiler.h"

namespace strata::compiler {

std::unique_ptr<Compiler> CreateStrataCompiler();

// The pipeline, in order: what `strata compile` runs and `skip_passes` leaves out.
std::vector<std::string> StrataPipeline();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_STRATA_COMPILER_H_
