#include "chips/npu/isa/disassembler.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace strata::chips::npu {
namespace {

std::string Text(const Isa& isa, const OperandRow& row, const OperandValue& operand) {
  switch (row.kind) {
    case OperandKind::kUnit:
      return isa.units[static_cast<size_t>(operand.value)].name;
    case OperandKind::kRegister:
      return absl::StrCat("r", operand.value);
    case OperandKind::kAddress:
      if (operand.base == 0) return absl::StrCat(operand.value);
      if (operand.value == 0) return absl::StrCat("r", operand.base);
      return absl::StrCat("r", operand.base, operand.value < 0 ? "" : "+", operand.value);
    default:
      return absl::StrCat(operand.value);
  }
}

const char* Directive(RegionKind kind) {
  switch (kind) {
    case RegionKind::kInput:
      return ".input";
    case RegionKind::kOutput:
      return ".output";
    case RegionKind::kScratch:
      return ".scratch";
  }
  return "";
}

}  // namespace

std::string Disassemble(const Isa& isa, const Instruction& instruction) {
  std::string text = instruction.row->name;
  const auto& rows = instruction.row->operands;
  for (size_t i = 0; i < rows.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? " " : ", ", Text(isa, rows[i], instruction.operands[i]));
  }
  return text;
}

std::string Disassemble(const Program& program) {
  std::string text;
  for (const Region& region : program.regions) {
    absl::StrAppend(&text, Directive(region.kind), " ", region.name, ", ", region.address, ", ",
                    region.bytes, "\n");
  }
  size_t depth = 0;
  for (const Instruction& instruction : program.instructions) {
    if (instruction.row->opcode == kEndLoop && depth > 0) --depth;
    absl::StrAppend(&text, std::string(2 * std::min<size_t>(depth, 8), ' '),
                    Disassemble(*program.isa, instruction), "\n");
    if (instruction.row->opcode == kLoop) ++depth;
  }
  return text;
}

}  // namespace strata::chips::npu
