#include "chips/npu/isa/isa.h"

#include "base/file.h"
#include "base/status_matchers.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/isa/reference.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

using ::testing::HasSubstr;

TEST(Isa, TheArrayTableIsValid) { EXPECT_OK(ValidateIsa(ArrayIsa())); }

TEST(Isa, FindsRowsByNameAndOpcode) {
  for (const InstructionRow& row : ArrayIsa().instructions) {
    EXPECT_EQ(ArrayIsa().Find(row.name), &row);
    EXPECT_EQ(ArrayIsa().FindOpcode(row.opcode), &row);
  }
  EXPECT_EQ(ArrayIsa().Find("mm"), nullptr);
  EXPECT_EQ(ArrayIsa().FindOpcode(0), nullptr);
  EXPECT_EQ(ArrayIsa().FindUnit("matrix"), kMatrix);
  EXPECT_EQ(ArrayIsa().FindUnit(""), -1);
}

TEST(Isa, RefusesAFaultyTable) {
  Isa isa = ArrayIsa();
  isa.instructions.push_back({"again", kMmI8, kMatrix, {}, "", ""});
  EXPECT_THAT(ValidateIsa(isa), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("again: its name or opcode 40")));
  isa.instructions.back() = {"zero", 0, kMatrix, {}, "", ""};
  EXPECT_THAT(ValidateIsa(isa),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("zero: opcode 0")));
  isa.instructions.back() = {"lost", 0xf0, 9, {}, "", ""};
  EXPECT_THAT(ValidateIsa(isa),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("lost: names no unit")));
  const OperandRow address = {"a", OperandKind::kAddress, kL1, ""};
  isa.instructions.back() = {"long", 0xf0, kMatrix, std::vector<OperandRow>(7, address), "", ""};
  EXPECT_THAT(ValidateIsa(isa),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("long: needs 295 bits")));
  isa.instructions.back().operands = {{"a", OperandKind::kAddress, 7, ""}};
  EXPECT_THAT(ValidateIsa(isa),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("long: a: names no memory")));
}

TEST(Isa, TheCommittedDocumentIsTheTable) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string committed, ReadFile("chips/npu/ISA.md"));
  EXPECT_EQ(committed, ReferenceMarkdown(ArrayIsa()))
      << "renew it: bazel run //chips/npu:isa_reference > chips/npu/ISA.md";
}

}  // namespace
}  // namespace strata::chips::npu
