#include "chips/npu/isa/assembler.h"

#include "base/status_matchers.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/isa/disassembler.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

using ::testing::HasSubstr;

constexpr char kText[] = R"(# a comment
.input A, 0x10, 256
.output C , 4096, 64   # another
.scratch T, 8192, 1
.def TILE, 16
set r1, -5
loop 3
  ld.l1 r1+0x20, A, TILE, 16,16 , 16
  add r1, r1, 64
endloop
signal load, matrix, 3
wait load, matrix, 3
mm.i8 r2 - 4, r2+4, 1, TILE, 16, 16, 64, 16
fence
)";

TEST(Assembler, ReadsEveryForm) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Assemble(ArrayIsa(), kText, "t.s"));
  ASSERT_EQ(program.regions.size(), 3u);
  EXPECT_EQ(program.regions[0].kind, RegionKind::kInput);
  EXPECT_EQ(program.regions[0].address, 16u);
  EXPECT_EQ(program.regions[1].name, "C");
  EXPECT_EQ(program.regions[2].bytes, 1u);
  ASSERT_EQ(program.instructions.size(), 9u);
  const Instruction& load = program.instructions[2];
  EXPECT_EQ(load.row->opcode, kLdL1);
  EXPECT_EQ(load.line, 8);
  EXPECT_EQ(load.operands[0], (OperandValue{0x20, 1}));
  EXPECT_EQ(load.operands[1], (OperandValue{16, 0}));
  EXPECT_EQ(program.instructions[0].operands[1].value, -5);
  EXPECT_EQ(program.instructions[5].operands[1].value, kMatrix);
  EXPECT_EQ(program.instructions[7].operands[0], (OperandValue{-4, 2}));
  EXPECT_EQ(program.Where(7), "t.s:13");
}

TEST(Assembler, TextOfAProgramIsTheProgram) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Assemble(ArrayIsa(), kText, "t.s"));
  const std::string text = Disassemble(program);
  EXPECT_EQ(text, R"(.input A, 16, 256
.output C, 4096, 64
.scratch T, 8192, 1
set r1, -5
loop 3
  ld.l1 r1+32, 16, 16, 16, 16, 16
  add r1, r1, 64
endloop
signal load, matrix, 3
wait load, matrix, 3
mm.i8 r2-4, r2+4, 1, 16, 16, 16, 64, 16
fence
)");
  STRATA_ASSERT_OK_AND_ASSIGN(const Program again, Assemble(ArrayIsa(), text, "t.s"));
  EXPECT_EQ(Disassemble(again), text);
}

TEST(Assembler, EmptyTextIsAnEmptyProgram) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Assemble(ArrayIsa(), "\n # \n\r\n", "t.s"));
  EXPECT_TRUE(program.instructions.empty());
}

TEST(Assembler, RefusesByLineAndColumn) {
  struct Fault {
    const char* text;
    const char* message;
  };
  const Fault faults[] = {
      {"\n mm.i9 1", "t.s:2:2: unknown instruction 'mm.i9'; the nearest is 'mm.i8'"},
      {".bss A, 1, 2", "t.s:1:1: unknown directive '.bss'"},
      {".input A, 1", "t.s:1:1: give three values: .input NAME, ADDRESS, BYTES"},
      {".input A, -1, 2", "t.s:1:11: an address is not negative"},
      {".input A, 1, 0", "t.s:1:14: a region has at least one byte"},
      {".def r1, 0", "t.s:1:6: 'r1' is no name"},
      {".def load, 0", "t.s:1:6: 'load' is no name"},
      {".def 1a, 0", "t.s:1:6: '1a' is no name"},
      {".def A, 0\n.def A, 1", "t.s:2:6: 'A' is defined twice"},
      {".def A", "t.s:1:1: give a name and a number"},
      {"loop", "t.s:1:1: loop has 0 operands, but takes 1: count"},
      {"fence 1", "t.s:1:1: fence has 1 operands, but takes 0"},
      {"loop N", "t.s:1:6: 'N' is neither a number nor a name"},
      {"loop 0x", "t.s:1:6: '0x' is neither"},
      {"loop 99999999999", "t.s:1:6: count: 99999999999 is outside [-2147483648, 2147483647]"},
      {"set r32, 1", "t.s:1:5: rd: 'r32' is no register"},
      {"set 1, 1", "t.s:1:5: rd: '1' is no register"},
      {"signal load, cube, 0", "t.s:1:14: to: 'cube' is no unit with a queue; there is: load"},
      {"signal control, load, 0", "t.s:1:8: from: 'control' is no unit with a queue"},
      {"signal load, move, 16", "t.s:1:20: token: 16 is outside [0, 15]"},
      {"vfill 0, 65536, 1, 4, 0",
       "t.s:1:10: rows: 65536 is outside [0, 65535], what size operands"},
      {"vfill r1+, 1, 1, 4, 0", "t.s:1:10: '' is neither"},
      {"\x1b[2J\xff 1", "t.s:1:1: unknown instruction '\\x1b[2J\\xff'; the nearest is '"},
      {".d\x07 A, 0", "t.s:1:1: unknown directive '.d\\x07'; there is: .input"},
      {".def \x80, 0", "t.s:1:6: '\\x80' is no name"},
      {"loop \x01", "t.s:1:6: '\\x01' is neither a number nor a name"},
      {"set \x02, 1", "t.s:1:5: rd: '\\x02' is no register"},
      {"signal \x03, move, 0", "t.s:1:8: from: '\\x03' is no unit with a queue"},
  };
  for (const Fault& fault : faults) {
    EXPECT_THAT(Assemble(ArrayIsa(), fault.text, "t.s"),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(fault.message)))
        << fault.text;
  }
}

}  // namespace
}  // namespace strata::chips::npu
