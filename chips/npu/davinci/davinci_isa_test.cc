#include "chips/npu/davinci/davinci_isa.h"

#include <random>

#include "base/file.h"
#include "base/status_matchers.h"
#include "chips/npu/isa/assembler.h"
#include "chips/npu/isa/disassembler.h"
#include "chips/npu/isa/encoding.h"
#include "chips/npu/isa/reference.h"
#include "gtest/gtest.h"

namespace strata::chips::npu::davinci {
namespace {

using ::testing::HasSubstr;

// Any operands that the row's kinds hold; the ends of the ranges often.
Instruction RandomInstruction(const InstructionRow& row, std::mt19937_64& random) {
  Instruction instruction;
  instruction.row = &row;
  for (size_t i = 0; i < row.operands.size(); ++i) {
    OperandRange range = RangeOf(row.operands[i].kind);
    if (row.operands[i].kind == OperandKind::kUnit) range = {4, kMte1, kV};
    const uint64_t span = static_cast<uint64_t>(range.high - range.low) + 1;
    const int64_t ends[] = {range.low, range.high,
                            range.low + static_cast<int64_t>(random() % span)};
    instruction.operands[i].value = ends[random() % 3];
    if (row.operands[i].kind != OperandKind::kAddress) continue;
    instruction.operands[i].base = static_cast<uint8_t>(random() % kRegisters);
  }
  return instruction;
}

TEST(DavinciIsa, TheTableIsValid) { EXPECT_OK(ValidateIsa(DavinciIsa())); }

TEST(DavinciIsa, TheCommittedDocumentIsTheTable) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string committed, ReadFile("chips/npu/davinci/ISA.md"));
  EXPECT_EQ(committed, ReferenceMarkdown(DavinciIsa())) << "renew it: " << DavinciIsa().renewal;
}

TEST(DavinciIsa, EveryInstructionComesBackFromItsBinaryFormAndItsText) {
  std::mt19937_64 random(1);
  for (const InstructionRow& row : DavinciIsa().instructions) {
    for (int i = 0; i < 50; ++i) {
      const Instruction instruction = RandomInstruction(row, random);
      const std::string text = Disassemble(DavinciIsa(), instruction);
      STRATA_ASSERT_OK_AND_ASSIGN(const Word word, EncodeInstruction(instruction));
      STRATA_ASSERT_OK_AND_ASSIGN(const Instruction back, DecodeInstruction(DavinciIsa(), word));
      EXPECT_EQ(back.row, instruction.row);
      EXPECT_EQ(back.operands, instruction.operands) << text;
      STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Assemble(DavinciIsa(), text, "t.s"));
      ASSERT_EQ(program.instructions.size(), 1u);
      EXPECT_EQ(Disassemble(DavinciIsa(), program.instructions[0]), text);
    }
  }
}

TEST(DavinciIsa, RefusesTheOtherCoresProgramsAndWords) {
  Program program;
  program.isa = &DavinciIsa();
  STRATA_ASSERT_OK_AND_ASSIGN(std::string bytes, EncodeProgram(program));
  bytes[5] = 1;
  EXPECT_THAT(DecodeProgram(DavinciIsa(), bytes, "x.bin"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("byte 5: is for instruction set 1, not 2 ('davinci')")));
  Word word = {};
  word[0] = 0xf0;
  EXPECT_THAT(DecodeInstruction(DavinciIsa(), word),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("opcode 0xf0")));
  EXPECT_THAT(Assemble(DavinciIsa(), "signal MTE2, MTE1, 0", "t.s"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("unknown instruction")));
  EXPECT_THAT(Assemble(DavinciIsa(), "set_flag MTE2, S, 0", "t.s"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("MTE1, MTE2, MTE3, M, V")));
}

}  // namespace
}  // namespace strata::chips::npu::davinci
