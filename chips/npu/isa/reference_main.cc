// Prints the reference document of the array core.
//
//   bazel run //chips/npu:isa_reference > chips/npu/ISA.md
#include <cstdio>

#include "chips/npu/isa/array_isa.h"
#include "chips/npu/isa/reference.h"

int main() {
  const std::string text = strata::chips::npu::ReferenceMarkdown(strata::chips::npu::ArrayIsa());
  return std::fputs(text.c_str(), stdout) < 0 ? 1 : 0;
}
