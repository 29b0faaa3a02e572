// Text to program.
//
//   # C = A x W, one tile
//   .input  A, 0x0, 256              # name, DRAM address, bytes: holds data before the start
//   .output C, 0x1000, 1024
//   .def    TILE, 16
//   ld.l1   0, A, TILE, 16, 16, 16   # a region's name is its address
//   signal  load, matrix, 0
//   loop 4
//     mma.i8 r1+0, 0, 0, TILE, 16, 16, 64, 16
//     add r1, r1, 0x400
//   endloop
//
// One instruction or directive a line; '#' starts a comment; numbers are decimal or 0x hexadecimal,
// with an optional '-'; an address is NUMBER, rN, rN+NUMBER or rN-NUMBER. Directives: .input, .output,
// .scratch NAME, ADDRESS, BYTES and .def NAME, NUMBER; names are used behind their definition.
//
// Errors are INVALID_ARGUMENT: "gemm.s:12:9: ...", line and column counted from one, with a remedy.
#ifndef STRATA_CHIPS_NPU_ISA_ASSEMBLER_H_
#define STRATA_CHIPS_NPU_ISA_ASSEMBLER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "chips/npu/isa/program.h"

namespace strata::chips::npu {

// `name` stands in messages: the file's name.
absl::StatusOr<Program> Assemble(const Isa& isa, absl::string_view text, const std::string& name);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_ISA_ASSEMBLER_H_
