// The instruction sets that emitted C can be compiled for.
#ifndef STRATA_COMPILER_CODEGEN_ISA_H_
#define STRATA_COMPILER_CODEGEN_ISA_H_

#include <string>
#include <vector>

#include "base/status.h"

namespace strata::compiler {

// The best of "avx512_bf16" (with dot products of bf16), "avx512", "avx2" and "generic" that this machine runs.
std::string HostIsa();

// Whether this machine runs code for `isa`.
bool HostRuns(const std::string& isa);

// Whether this machine has AMX tiles for bf16, which libraries use and emitted kernels do not.
bool HostHasBf16Tiles();

// "sm_90" and the like: kernels are CUDA C++ for NVRTC (cuda_writer.h), not C for the host.
bool IsCudaIsa(const std::string& isa);

// This machine's CPU: vendor, family, model and stepping, name, and the instruction sets above. The same on every call.
std::string HostCpu();

// Compiler flags that select an ISA. INVALID_ARGUMENT lists the names there are.
absl::StatusOr<std::vector<std::string>> IsaFlags(const std::string& isa);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_CODEGEN_ISA_H_
