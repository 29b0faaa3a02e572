// WriteC: the C text of a loop nest. The function's name is the caller's.
#ifndef STRATA_COMPILER_CODEGEN_C_WRITER_H_
#define STRATA_COMPILER_CODEGEN_C_WRITER_H_

#include <string>

#include "compiler/loop/schedule.h"

namespace strata::compiler {

std::string WriteC(const loop::Nest& nest, const std::string& entry);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_CODEGEN_C_WRITER_H_
