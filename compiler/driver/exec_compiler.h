// The compiler "exec:PROGRAM": any program, in any language, that reads a CompileRequest (binary) on its standard input
// and writes a Plan (binary) to its standard output. See examples/reference_compiler_main.cc for one of ten lines.
#ifndef STRATA_COMPILER_DRIVER_EXEC_COMPILER_H_
#define STRATA_COMPILER_DRIVER_EXEC_COMPILER_H_

#include <memory>
#include <string>

#include "compiler/driver/compiler.h"

namespace strata::compiler {

// What comes back is validated and must fit the graph: its inputs and outputs. Errors name the program, its exit code
// and what it wrote to standard error. `skip_passes` and `observer` do not reach the program: INVALID_ARGUMENT.
std::unique_ptr<Compiler> CreateExecCompiler(const std::string& program);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_EXEC_COMPILER_H_
