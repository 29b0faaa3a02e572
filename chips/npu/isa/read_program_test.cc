#include "chips/npu/isa/read_program.h"

#include "base/status_matchers.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/isa/disassembler.h"
#include "chips/npu/isa/encoding.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

using ::testing::HasSubstr;

TEST(ReadProgram, ReadsBothForms) {
  const std::string text = ".input A, 0, 8\n\tloop 2  # caf\xc3\xa9 \x07\r\nendloop\n";
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, ReadProgram(ArrayIsa(), text, "t.s"));
  EXPECT_EQ(program.instructions.size(), 2u);
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string bytes, EncodeProgram(program));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program back, ReadProgram(ArrayIsa(), bytes, "t.bin"));
  EXPECT_EQ(Disassemble(back), Disassemble(program));
  EXPECT_OK(ReadProgram(ArrayIsa(), "", "empty.s").status());
}

TEST(ReadProgram, RefusesWhatIsNeither) {
  const std::string message = "neither assembly text nor a binary program, which begins with SNPU";
  const auto refused = [&](const std::string& contents, const std::string& where) {
    EXPECT_THAT(ReadProgram(ArrayIsa(), contents, "t"),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(absl::StrCat("t: byte ", where, ": ", message))));
  };
  refused(std::string("\x7f"
                      "ELF\x02",
                      5),
          "0");
  refused(std::string("a\0", 2), "1");
  refused("fence\n\x1b[2J", "6");
  refused("# one \xff\nloop \x80", "13");
  refused(std::string("SNP\0U", 5), "3");
  refused("fence\v", "5");
}

// Faults of either form are told as the assembler and the decoder tell them.
TEST(ReadProgram, RefusesFaultsOfEitherForm) {
  constexpr auto kCode = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(ReadProgram(ArrayIsa(), "fence\nmm.i9", "t.s"),
              StatusIs(kCode, HasSubstr("t.s:2:1: unknown instruction 'mm.i9'")));
  EXPECT_THAT(ReadProgram(ArrayIsa(), "SNPU", "t.bin"), StatusIs(kCode, HasSubstr("t.bin: byte")));
}

}  // namespace
}  // namespace strata::chips::npu
