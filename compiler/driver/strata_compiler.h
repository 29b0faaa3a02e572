// The compiler "strata": passes, fusion, a kernel for each node, memory.
#ifndef STRATA_COMPILER_DRIVER_STRATA_COMPILER_H_
#define STRATA_COMPILER_DRIVER_STRATA_COMPILER_H_

#include <memory>

#include "compiler/driver/compiler.h"
#include "compiler/driver/pipelines.h"  // StrataPipeline()

namespace strata::compiler {

std::unique_ptr<Compiler> CreateStrataCompiler();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_STRATA_COMPILER_H_
