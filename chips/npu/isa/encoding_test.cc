#include "chips/npu/isa/encoding.h"

#include <random>

#include "base/status_matchers.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/isa/assembler.h"
#include "chips/npu/isa/disassembler.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

using ::testing::HasSubstr;

int64_t Pick(std::mt19937_64& random, int64_t low, int64_t high) {
  const uint64_t span = static_cast<uint64_t>(high - low) + 1;
  return low + static_cast<int64_t>(random() % span);
}

// Any operands that the row's kinds hold; the ends of the ranges often.
Instruction RandomInstruction(const InstructionRow& row, std::mt19937_64& random) {
  Instruction instruction;
  instruction.row = &row;
  for (size_t i = 0; i < row.operands.size(); ++i) {
    OperandRange range = RangeOf(row.operands[i].kind);
    if (row.operands[i].kind == OperandKind::kUnit) range = {4, kLoad, kStore};
    const int64_t ends[] = {range.low, range.high, Pick(random, range.low, range.high)};
    instruction.operands[i].value = ends[random() % 3];
    if (row.operands[i].kind != OperandKind::kAddress) continue;
    instruction.operands[i].base = static_cast<uint8_t>(random() % kRegisters);
  }
  return instruction;
}

TEST(Encoding, EveryInstructionComesBack) {
  std::mt19937_64 random(1);
  for (const InstructionRow& row : ArrayIsa().instructions) {
    for (int i = 0; i < 50; ++i) {
      const Instruction instruction = RandomInstruction(row, random);
      STRATA_ASSERT_OK_AND_ASSIGN(const Word word, EncodeInstruction(instruction));
      STRATA_ASSERT_OK_AND_ASSIGN(const Instruction back, DecodeInstruction(ArrayIsa(), word));
      EXPECT_EQ(back.row, instruction.row);
      EXPECT_EQ(back.operands, instruction.operands) << Disassemble(ArrayIsa(), instruction);
    }
  }
}

TEST(Encoding, BitsAreWhereTheDocumentSays) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program,
                              Assemble(ArrayIsa(), "set r3, -1\nvfill r1+1, 2, 3, 4, 5", "t.s"));
  STRATA_ASSERT_OK_AND_ASSIGN(const Word set, EncodeInstruction(program.instructions[0]));
  // opcode 1; r3 in bits 8 to 12; 32 ones in bits 13 to 44.
  EXPECT_EQ(set[0], 1);
  EXPECT_EQ(set[1], 3 | 0xe0);
  EXPECT_EQ(set[2], 0xff);
  EXPECT_EQ(set[5], 0x1f);
  EXPECT_EQ(set[6], 0);
  STRATA_ASSERT_OK_AND_ASSIGN(const Word fill, EncodeInstruction(program.instructions[1]));
  // register in bits 8 to 12, offset from 13, rows from 49, cols from 65.
  EXPECT_EQ(fill[1], 1 | (1 << 5));
  EXPECT_EQ(fill[6], 2 << 1);
  EXPECT_EQ(fill[8], 3 << 1);
}

TEST(Encoding, ProgramsComeBack) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Program program,
      Assemble(ArrayIsa(), ".input A, 4096, 7\n.output Bee, 0, 1\nloop 2\nfence\nendloop\n",
               "t.s"));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string bytes, EncodeProgram(program));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program back, DecodeProgram(ArrayIsa(), bytes, "t.bin"));
  EXPECT_EQ(Disassemble(back), Disassemble(program));
  EXPECT_EQ(back.Where(1), "t.bin: instruction 1");
}

TEST(Encoding, RefusesOperandsOutOfRange) {
  Instruction instruction;
  instruction.row = ArrayIsa().Find("vfill");
  instruction.operands[1].value = 65536;
  EXPECT_THAT(EncodeInstruction(instruction),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("vfill: rows: 65536 is outside [0, 65535]")));
}

TEST(Encoding, RefusesBadFiles) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program,
                              Assemble(ArrayIsa(), ".input A, 0, 8\nfence\nfence", "t.s"));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string good, EncodeProgram(program));
  const size_t words = good.size() - 2 * kWordBytes;
  const auto with = [&](size_t at, char value) {
    std::string bad = good;
    bad[at] = value;
    return DecodeProgram(ArrayIsa(), bad, "t.bin");
  };
  constexpr auto kCode = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(with(0, 'X'), StatusIs(kCode, HasSubstr("t.bin: byte 0: no binary program")));
  EXPECT_THAT(with(4, 2), StatusIs(kCode, HasSubstr("byte 4: version is 2")));
  EXPECT_THAT(with(5, 9), StatusIs(kCode, HasSubstr("byte 5: is for instruction set 9, not 1")));
  EXPECT_THAT(with(6, 1), StatusIs(kCode, HasSubstr("byte 6: is not zero")));
  EXPECT_THAT(with(16, 7), StatusIs(kCode, HasSubstr("7 is no kind of region")));
  EXPECT_THAT(with(words + kWordBytes, 0),
              StatusIs(kCode, HasSubstr("word 1 at byte 73: opcode 0x00 is no instruction")));
  EXPECT_THAT(with(words + 1, 1), StatusIs(kCode, HasSubstr("fence: bits are set behind")));
  EXPECT_THAT(with(12, 3), StatusIs(kCode, HasSubstr("it is cut short")));
  EXPECT_THAT(with(12, 1), StatusIs(kCode, HasSubstr("32 bytes stand behind the last word")));
  Word wait = {kWait, 0xf0};
  EXPECT_THAT(DecodeInstruction(ArrayIsa(), wait),
              StatusIs(kCode, HasSubstr("wait: from: 0 is no unit with a queue")));
}

// Whatever the bytes are, the answer is a status or a program that encodes to these bytes.
TEST(Encoding, FuzzedFilesAreRefusedOrExact) {
  std::mt19937_64 random(2);
  Program program;
  program.isa = &ArrayIsa();
  for (const InstructionRow& row : ArrayIsa().instructions) {
    program.instructions.push_back(RandomInstruction(row, random));
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string good, EncodeProgram(program));
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = good.substr(0, random() % 4 == 0 ? random() % good.size() : good.size());
    for (uint64_t flips = random() % 4; flips > 0 && !bytes.empty(); --flips) {
      bytes[random() % bytes.size()] ^= static_cast<char>(1 << (random() % 8));
    }
    const absl::StatusOr<Program> back = DecodeProgram(ArrayIsa(), bytes, "t.bin");
    if (!back.ok()) continue;
    STRATA_ASSERT_OK_AND_ASSIGN(const std::string again, EncodeProgram(*back));
    EXPECT_EQ(again, bytes);
  }
}

TEST(Encoding, FuzzedTextNeverFails) {
  std::mt19937_64 random(3);
  const std::string alphabet = "mm.i8 ld.l1,r31+-0x9f#\n.input loop setA\t";
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (uint64_t length = random() % 80; length > 0; --length) {
      text.push_back(alphabet[random() % alphabet.size()]);
    }
    const absl::StatusOr<Program> program = Assemble(ArrayIsa(), text, "t.s");
    if (!program.ok()) continue;
    EXPECT_OK(EncodeProgram(*program));
  }
}

}  // namespace
}  // namespace strata::chips::npu
