// Random programs of any instruction set, for the fuzz tests of the cores: most operands are small, so that
// many instructions are fine, and some at the ends of what their kinds hold.
//
//   std::mt19937_64 random(5);
//   const Program program = RandomProgram(ArrayIsa(), {64, 64, 8, 16}, random);
#ifndef STRATA_CHIPS_NPU_ISA_RANDOM_PROGRAM_H_
#define STRATA_CHIPS_NPU_ISA_RANDOM_PROGRAM_H_

#include <cstdint>
#include <random>
#include <vector>

#include "chips/npu/isa/program.h"

namespace strata::chips::npu {

// Small addresses are multiples of `address_step` below `addresses` steps, strides likewise.
struct SmallOperands {
  uint64_t addresses, address_step, strides, stride_step;
};

inline int64_t RandomOperand(const Isa& isa, const OperandRow& row, const SmallOperands& small,
                             std::mt19937_64& random) {
  const OperandRange range = RangeOf(row.kind);
  if (row.kind == OperandKind::kUnit) {
    return 1 + static_cast<int64_t>(random() % (isa.units.size() - 1));
  }
  switch (random() % 16) {
    case 0:
      return range.low;
    case 1:
      return range.high;
    case 2:
      return range.low +
             static_cast<int64_t>(random() % static_cast<uint64_t>(range.high - range.low));
    default:
      break;
  }
  if (row.kind == OperandKind::kAddress) {
    return static_cast<int64_t>(random() % small.addresses * small.address_step);
  }
  if (row.kind == OperandKind::kStride) {
    return static_cast<int64_t>(random() % small.strides * small.stride_step);
  }
  return static_cast<int64_t>(random() % 4);
}

// One to twelve instructions; regions A, read, and C, written, of 4096 bytes each.
inline Program RandomProgram(const Isa& isa, const SmallOperands& small, std::mt19937_64& random) {
  Program program;
  program.isa = &isa;
  program.name = "fuzz";
  program.regions = {{RegionKind::kInput, "A", 0, 4096}, {RegionKind::kOutput, "C", 4096, 4096}};
  const std::vector<InstructionRow>& rows = isa.instructions;
  for (uint64_t count = 1 + random() % 12; count > 0; --count) {
    Instruction instruction;
    instruction.row = &rows[random() % rows.size()];
    for (size_t i = 0; i < instruction.row->operands.size(); ++i) {
      const OperandRow& row = instruction.row->operands[i];
      instruction.operands[i].value = RandomOperand(isa, row, small, random);
      const bool based = row.kind == OperandKind::kAddress && random() % 8 == 0;
      if (based) instruction.operands[i].base = static_cast<uint8_t>(random() % kRegisters);
    }
    program.instructions.push_back(instruction);
  }
  return program;
}

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_ISA_RANDOM_PROGRAM_H_
