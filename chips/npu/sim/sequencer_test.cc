#include "chips/npu/sim/sequencer.h"

#include "chips/npu/sim/test_support.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

using ::testing::HasSubstr;

// Names and first operands of all that is dispatched.
std::vector<std::string> Trace(const std::string& text) {
  const Program program = Parse(text);
  absl::StatusOr<Sequencer> sequencer = Sequencer::Create(program);
  EXPECT_OK(sequencer.status());
  std::vector<std::string> trace;
  Resolved next;
  while (sequencer->Next(&next)) {
    if (next.unit == kControlUnit) continue;
    trace.push_back(absl::StrCat(next.row->name, " ", next.values[0]));
  }
  return trace;
}

TEST(Sequencer, ResolvesRegisters) {
  EXPECT_EQ(Trace("set r1, 64\nadd r2, r1, -4\nvfill r2+8, 1, 1, 4, 0\nvfill r1, 1, 1, 4, 0\n"
                  "set r0, 7\nvfill r0+1, 1, 1, 4, 0"),
            (std::vector<std::string>{"vfill 68", "vfill 64", "vfill 1"}));
}

TEST(Sequencer, TurnsLoops) {
  EXPECT_EQ(Trace("loop 2\nvfill r1, 1, 1, 4, 0\nloop 2\nadd r1, r1, 4\nvfill r1, 1, 1, 4, 0\n"
                  "endloop\nendloop\nloop 0\nvfill 99, 1, 1, 4, 0\nloop 1\nendloop\nendloop\n"
                  "vfill 7, 1, 1, 4, 0"),
            (std::vector<std::string>{"vfill 0", "vfill 4", "vfill 8", "vfill 8", "vfill 12",
                                      "vfill 16", "vfill 7"}));
}

TEST(Sequencer, SendsTokensToTheirQueues) {
  const Program program = Parse("signal load, matrix, 1\nwait load, matrix, 1");
  STRATA_ASSERT_OK_AND_ASSIGN(Sequencer sequencer, Sequencer::Create(program));
  Resolved next;
  ASSERT_TRUE(sequencer.Next(&next));
  EXPECT_EQ(next.unit, kLoad);
  ASSERT_TRUE(sequencer.Next(&next));
  EXPECT_EQ(next.unit, kMatrix);
  EXPECT_FALSE(sequencer.Next(&next));
}

TEST(Sequencer, RefusesFaultyLoops) {
  const auto create = [](const std::string& text) {
    const Program program = Parse(text);
    return Sequencer::Create(program).status();
  };
  constexpr auto kCode = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(create("\nendloop"), StatusIs(kCode, HasSubstr("t.s:2: endloop: no loop is open")));
  EXPECT_THAT(create("loop 3\nfence"), StatusIs(kCode, HasSubstr("t.s:1: loop: no endloop")));
  EXPECT_THAT(create("loop -1\nendloop"), StatusIs(kCode, HasSubstr("count is negative")));
  std::string deep;
  for (int i = 0; i < 9; ++i) deep += "loop 1\n";
  EXPECT_THAT(create(deep), StatusIs(kCode, HasSubstr("t.s:9: loop: more than 8 loops")));
  EXPECT_THAT(create("loop 20000\nloop 20000\nfence\nendloop\nendloop"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("longer than 134217728")));
}

}  // namespace
}  // namespace strata::chips::npu
