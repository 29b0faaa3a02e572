// A program in either of its forms, which its first bytes tell apart: binary begins with "SNPU".
//
//   STRATA_ASSIGN_OR_RETURN(const std::string contents, ReadFile("gemm.s"));
//   STRATA_ASSIGN_OR_RETURN(const Program program, ReadProgram(core->isa(), contents, "gemm.s"));
#ifndef STRATA_CHIPS_NPU_ISA_READ_PROGRAM_H_
#define STRATA_CHIPS_NPU_ISA_READ_PROGRAM_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "chips/npu/isa/program.h"

namespace strata::chips::npu {

// `contents` of a file; `name`, the file's, stands in messages. INVALID_ARGUMENT is the assembler's or the
// decoder's, or "gemm.s: byte 9: neither assembly text nor a binary program, ...": outside comments, text
// holds printable ASCII, tabs and ends of lines only. Bytes are counted from 0.
absl::StatusOr<Program> ReadProgram(const Isa& isa, absl::string_view contents,
                                    const std::string& name);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_ISA_READ_PROGRAM_H_
