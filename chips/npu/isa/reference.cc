#include "chips/npu/isa/reference.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata::chips::npu {
namespace {

std::string NamedTable(const char* heading, const std::vector<NamedRow>& rows) {
  std::string text = absl::StrCat("| ", heading, " | |\n|---|---|\n");
  for (const NamedRow& row : rows)
    absl::StrAppend(&text, "| ", row.name, " | ", row.meaning, " |\n");
  return text;
}

std::string Signature(const InstructionRow& row) {
  std::string text = row.name;
  for (size_t i = 0; i < row.operands.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? " " : ", ", row.operands[i].name);
  }
  return text;
}

std::string Instruction(const Isa& isa, const InstructionRow& row) {
  std::string text = absl::StrFormat("### `%s`\n\nOpcode 0x%02x. %s.\n\nCycles: %s.\n",
                                     Signature(row), row.opcode, row.meaning, row.cycles);
  if (row.operands.empty()) return text;
  absl::StrAppend(&text, "\n| operand | kind | bits | meaning |\n|---|---|---|---|\n");
  int bit = 8;
  for (const OperandRow& operand : row.operands) {
    const int end = bit + RangeOf(operand.kind).bits;
    std::string kind = KindName(operand.kind);
    if (operand.kind == OperandKind::kAddress) {
      kind = absl::StrCat(isa.memories[static_cast<size_t>(operand.memory)].name, " ", kind);
    }
    absl::StrAppend(&text, "| ", operand.name, " | ", kind, " | ", bit, " to ", end - 1, " | ",
                    operand.meaning, " |\n");
    bit = end;
  }
  return text;
}

std::string UnitSection(const Isa& isa, int unit, const std::string& title) {
  std::string text;
  for (const InstructionRow& row : isa.instructions) {
    if (row.unit == unit) absl::StrAppend(&text, "\n", Instruction(isa, row));
  }
  return text.empty() ? "" : absl::StrCat("\n## ", title, "\n", text);
}

std::string Kinds() {
  std::string text = "| operand kind | bits | from | to |\n|---|---|---|---|\n";
  for (int i = 0; i <= static_cast<int>(OperandKind::kRegister); ++i) {
    const auto kind = static_cast<OperandKind>(i);
    const OperandRange range = RangeOf(kind);
    absl::StrAppend(&text, "| ", KindName(kind), " | ", range.bits, " | ", range.low, " | ",
                    range.high, " |\n");
  }
  return text;
}

}  // namespace

std::string ReferenceMarkdown(const Isa& isa) {
  std::string text = absl::StrCat(
      "# ", isa.title, "\n\nThis document is made of the table of instructions; do not edit it:\n`",
      isa.renewal,
      "`.\n\n"
      "An instruction is a word of 256 bits: the opcode in bits 0 to 7, then the "
      "operands as listed, "
      "then zeros. An address is a register (5 bits, r0 is zero) and an offset (36 "
      "bits, signed) that "
      "is added to it. Sizes count rows or elements, strides and addresses count "
      "bytes. Signed kinds "
      "are two's complement.\n\n",
      NamedTable("unit", isa.units), "\n", NamedTable("memory", isa.memories), "\n", Kinds(),
      "\n## Rules\n");
  for (const NamedRow& rule : isa.rules) {
    absl::StrAppend(&text, "\n**", rule.name, ".** ", rule.meaning, "\n");
  }
  absl::StrAppend(&text, UnitSection(isa, -1, "Tokens: into the queue of the unit they name"));
  for (size_t i = 0; i < isa.units.size(); ++i) {
    absl::StrAppend(
        &text, UnitSection(isa, static_cast<int>(i), absl::StrCat("Unit ", isa.units[i].name)));
  }
  return text;
}

}  // namespace strata::chips::npu
