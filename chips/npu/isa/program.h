// A program of a core: instructions with their operands, and the DRAM it may touch.
#ifndef STRATA_CHIPS_NPU_ISA_PROGRAM_H_
#define STRATA_CHIPS_NPU_ISA_PROGRAM_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "chips/npu/isa/isa.h"

namespace strata::chips::npu {

struct OperandValue {
  int64_t value = 0;  // of an address: its offset
  uint8_t base = 0;   // of an address: the register added to it; r0 is zero

  bool operator==(const OperandValue& other) const {
    return value == other.value && base == other.base;
  }
};

struct Instruction {
  const InstructionRow* row = nullptr;
  std::array<OperandValue, kMaxOperands> operands = {};
  int line = 0;  // of the text; 0 when it came from no text
};

enum class RegionKind : uint8_t { kInput = 1, kOutput = 2, kScratch = 3 };

// A run of DRAM. Inputs hold data before the program starts; all may be written.
struct Region {
  RegionKind kind = RegionKind::kInput;
  std::string name;
  uint64_t address = 0;
  uint64_t bytes = 0;
};

struct Program {
  const Isa* isa = nullptr;
  std::string name;  // the file, for messages
  std::vector<Instruction> instructions;
  std::vector<Region> regions;

  // "gemm.s:12", or "gemm.s: instruction 3" when it came from no text.
  std::string Where(size_t index) const {
    const int line = instructions[index].line;
    if (line > 0) return absl::StrCat(name, ":", line);
    return absl::StrCat(name, ": instruction ", index);
  }
};

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_ISA_PROGRAM_H_
