// CompileCuda: CUDA C++ text to a GPU's machine code, by NVRTC. Needs the toolkit when Strata is built, but no GPU.
//
//   STRATA_ASSIGN_OR_RETURN(std::string cubin, CompileCuda(absl::StrCat(Prelude("sm_90"), kernel.source()), "sm_90"));
#ifndef STRATA_COMPILER_CODEGEN_NVRTC_H_
#define STRATA_COMPILER_CODEGEN_NVRTC_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::compiler {

// Whether CompileCuda can do anything at all: the toolkit was there when this was built.
bool HaveNvrtc();

// A cubin image for `isa`. UNAVAILABLE without the toolkit; INVALID_ARGUMENT with the compiler's log when the text does
// not compile or NVRTC does not know the ISA.
absl::StatusOr<std::string> CompileCuda(absl::string_view text, const std::string& isa);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_CODEGEN_NVRTC_H_
