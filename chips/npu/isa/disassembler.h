// Program to text that assembles to the same program again.
#ifndef STRATA_CHIPS_NPU_ISA_DISASSEMBLER_H_
#define STRATA_CHIPS_NPU_ISA_DISASSEMBLER_H_

#include <string>

#include "chips/npu/isa/program.h"

namespace strata::chips::npu {

// "mm.i8 0, r1+64, 0, 16, 16, 16, 64, 16".
std::string Disassemble(const Isa& isa, const Instruction& instruction);

// Directives first, then an instruction a line; loops are indented.
std::string Disassemble(const Program& program);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_ISA_DISASSEMBLER_H_
