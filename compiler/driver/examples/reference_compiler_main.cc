// A compiler as a program of its own: `--compiler=exec:/path/to/reference_compiler`. Ten lines, to start from.
#include <iostream>

#include "compiler/driver/reference_compiler.h"

int main() {
  strata::plan::CompileRequest request;
  if (!request.ParseFromIstream(&std::cin))
    return std::cerr << "standard input is no CompileRequest\n", 2;
  auto plan = strata::compiler::CompileReference(request.graph(), request.chip(), request.device());
  if (!plan.ok()) return std::cerr << plan.status() << "\n", 1;
  return plan->SerializeToOstream(&std::cout) ? 0 : 1;
}
