// Flags, barriers and time: the checks and the clock that all cores share, on this core.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "chips/npu/davinci/test_support.h"
#include "chips/npu/sim/reference_simulator.h"
#include "gtest/gtest.h"

namespace strata::chips::npu::davinci {
namespace {

using ::testing::HasSubstr;

// One product with relu, from line 4 on.
constexpr char kTile[] = R"(.input A, 0, 512
.input B, 512, 512
.output C, 1024, 1024
ld.l1 0, A, 16, 32, 32, 32
ld.l1 131072, B, 32, 16, 16, 16
set_flag MTE2, MTE1, 0
wait_flag MTE2, MTE1, 0
load.a.i8 0, 0, 16, 32, 32
load.b.i8 0, 131072, 32, 16, 16
set_flag MTE1, M, 0
wait_flag MTE1, M, 0
mmad.i8 0, 0, 0, 16, 32, 16
set_flag M, V, 0
wait_flag M, V, 0
mv.c 0, 0, 16, 16, 64, 1024
pipe_barrier V
vrelu.i32 0, 0, 16, 16, 64, 64
set_flag V, MTE3, 0
wait_flag V, MTE3, 0
st.ub C, 0, 16, 64, 64, 64
)";

std::string Without(const std::string& line) {
  return absl::StrReplaceAll(kTile, {{absl::StrCat(line, "\n"), ""}});
}

absl::Status Check(const std::string& text) { return Verify(*DavinciCoreOf(), ParseDavinci(text)); }

TEST(Order, TheTileIsOrderedAndComputes) {
  EXPECT_OK(Check(kTile));
  const std::vector<uint8_t> in = RandomBytes(1024, 2);
  const std::vector<uint8_t> out = RunDavinci(kTile, in);
  for (int64_t i = 0; i < 256; ++i) {
    int32_t sum = 0;
    for (int64_t k = 0; k < 32; ++k) {
      sum += At<int8_t>(in, i / 16 * 32 + k) * At<int8_t>(in, 512 + k * 16 + i % 16);
    }
    EXPECT_EQ(At<int32_t>(out, 1024 + 4 * i), std::max(sum, 0));
  }
}

TEST(Order, EveryMissingFlagIsNamedWithTheInstructionsItSeparatesAndTheirBytes) {
  const std::pair<const char*, const char*> flags[] = {
      {"MTE2, MTE1, 0",
       "t.s:6: load.a.i8 0, 0, 16, 32, 32: reads L1 [0, 512) and is not ordered after t.s:4: ld.l1 "
       "0, 0, 16, 32, 32, 32, which writes it; put set_flag MTE2, MTE1, 0 behind t.s:4 and "
       "wait_flag MTE2, MTE1, 0 before t.s:6"},
      {"MTE1, M, 0",
       "t.s:10: mmad.i8 0, 0, 0, 16, 32, 16: reads L0A [0, 512) and is not ordered after t.s:8: "
       "load.a.i8 0, 0, 16, 32, 32, which writes it; put set_flag MTE1, M, 0 behind t.s:8 and "
       "wait_flag MTE1, M, 0 before t.s:10"},
      {"M, V, 0",
       "t.s:13: mv.c 0, 0, 16, 16, 64, 1024: reads L0C [0, 1024) and is not ordered after t.s:12: "
       "mmad.i8 0, 0, 0, 16, 32, 16, which writes it; put set_flag M, V, 0 behind t.s:12"},
      {"V, MTE3, 0",
       "t.s:18: st.ub 1024, 0, 16, 64, 64, 64: reads UB [0, 1024) and is not ordered after t.s:15: "
       "mv.c 0, 0, 16, 16, 64, 1024, which writes it; put set_flag V, MTE3, 0"}};
  for (const auto& [flag, message] : flags) {
    const std::string text =
        absl::StrReplaceAll(kTile, {{absl::StrCat("set_flag ", flag, "\n"), ""},
                                    {absl::StrCat("wait_flag ", flag, "\n"), ""}});
    EXPECT_THAT(Check(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  }
}

TEST(Order, ThePlaceIsProposedByAFlagThatTheProgramDoesNotUse) {
  // Flag 0 is taken by another pair of instructions.
  EXPECT_THAT(
      Check(absl::StrCat(kTile, "set_flag V, MTE2, 0\nwait_flag V, MTE2, 0\n",
                         "vfill.32 65536, 1, 8, 32, 0\nld.ub 65536, A, 1, 32, 32, 32\n")),
      StatusIs(
          absl::StatusCode::kInvalidArgument,
          HasSubstr("t.s:24: ld.ub 65536, 0, 1, 32, 32, 32: writes UB [65536, 65568) and is not "
                    "ordered after t.s:23: vfill.32 65536, 1, 8, 32, 0, which writes it; "
                    "put set_flag V, MTE2, 1 behind t.s:23 and wait_flag V, MTE2, 1 "
                    "before t.s:24")));
}

TEST(Order, VNeedsABarrierToSeeItsOwnResults) {
  EXPECT_THAT(
      Check(Without("pipe_barrier V")),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("t.s:16: vrelu.i32 0, 0, 16, 16, 64, 64: reads UB [0, 1024) and is "
                         "not ordered after t.s:15: mv.c 0, 0, 16, 16, 64, 1024, which "
                         "writes it; put pipe_barrier V between them")));
  // A fence does it too, and so does a flag to another pipe and one back.
  EXPECT_OK(Check(absl::StrReplaceAll(kTile, {{"pipe_barrier V", "fence"}})));
  EXPECT_OK(
      Check(absl::StrReplaceAll(kTile, {{"pipe_barrier V",
                                         "set_flag V, M, 0\nwait_flag V, M, 0\nset_flag M, V, 1\n"
                                         "wait_flag M, V, 1"}})));
  EXPECT_THAT(Check(absl::StrReplaceAll(kTile, {{"pipe_barrier V", "pipe_barrier M"}})),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("put pipe_barrier V")));
  // Writing over what V read or wrote needs none.
  EXPECT_OK(Check("vfill.32 0, 1, 8, 32, 0\nvfill.32 0, 1, 8, 32, 1\n"));
}

TEST(Order, FindsDeadlocksAndFlagsThatNobodyTakes) {
  EXPECT_THAT(Check("wait_flag M, V, 3"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("deadlock: t.s:1: wait_flag M, V, 3: not signalled")));
  EXPECT_THAT(Check("set_flag M, V, 3"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("t.s:1: set_flag M, V, 3: nothing waits for this token")));
  EXPECT_THAT(Check("wait_flag V, M, 0\nset_flag M, V, 0\nwait_flag M, V, 0\nset_flag V, M, 0"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("t.s:1: wait_flag V, M, 0 and t.s:3: wait_flag M, V, 0")));
}

TEST(Order, RefusesWhatTheMachineCannotDo) {
  const std::pair<const char*, const char*> faults[] = {
      {"mmad.i8 0, 0, 0, 16, 32, 16",
       "t.s:1: mmad.i8 0, 0, 0, 16, 32, 16: reads L0A [0, 512), "
       "which nothing has written"},
      {"mv.c 0, 0, 16, 16, 64, 1024", "reads L0C [0, 1024), which nothing has written"},
      {"fill.l1 1048575, 1, 2, 0, 0", "writes L1 [1048575, 1048577), beyond its 1048576 bytes"},
      {"vfill.32 16, 1, 1, 32, 0", "writes UB at 16 with stride 32; both must be multiples of 32"},
      {"vcfg 0, 5, 4", "give -128 <= low <= high <= 127"},
      {"load3d.i8 0, 0, 2, 2, 2, 2, 5, 1, 2", "row_stride: 5 is no multiple of run_stride 2"},
      {"load3d.i8 0, 0, 300, 300, 1, 1, 1, 1, 1", "m 90000, k 1: give at most 65535"},
      {"fill.l1 0, 1, 65535, 0, 0\nload.a.i8 0, 0, 129, 512, 0\nload.a.i8 0, 0, 1, 1, 0",
       "writes L0A [0, 73728), beyond its 65536 bytes"},
      {"ld.l1 0, 0, 1, 1, 0, 0", "reads GM [0, 1), which lies in no region"},
  };
  for (const auto& [text, message] : faults) {
    EXPECT_THAT(Check(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  }
}

TEST(Time, OfTheTileIsWhatTheRulesSay) {
  const std::unique_ptr<Core> core = DavinciCoreOf();
  const Program program = ParseDavinci(kTile);
  STRATA_ASSERT_OK_AND_ASSIGN(const Simulation run, Simulate(*core, program, {}));
  // GM gives 37.5 bytes a cycle. The loads start in 1 and 15; A takes 14 cycles, B's rows of 16 bytes take
  // bursts of 32, so 28 cycles, complete in 43 + 300. MTE1 waits in 343 and loads in 344 and 345, its flag
  // comes in 347, mmad starts in 348 and is complete in 348 + 1 + 16; mv.c starts in 366, takes 1024 / 256
  // cycles and 16 more, the barrier starts in 386, vrelu in 387 and is complete in 407; st.ub starts in
  // 408 and takes ceil(1024 / 37.5) + 300.
  EXPECT_EQ(run.cycles, 408 + 28 + 300);
  EXPECT_EQ(run.units[kM].busy, 1);
  EXPECT_EQ(run.units[kV].busy, 8);
  EXPECT_EQ(run.units[kV].token_cycles, 3);
  EXPECT_EQ(run.memories[kGm].read_bytes, 512 + 1024);
  EXPECT_EQ(run.memories[kL0c].written_bytes, 1024);
  EXPECT_EQ(Macs(*core, run), 16 * 32 * 16);
  STRATA_ASSERT_OK_AND_ASSIGN(const ReferenceRun slow, ReferenceSimulate(*core, program));
  EXPECT_EQ(run.cycles, slow.cycles);
}

// Random orders of work on all pipes, with flags in matching order and barriers.
Program RandomWork(std::mt19937_64& random) {
  const char* work[] = {"fill.l1 0, 1, 4096, 0, 1\n",
                        "load.a.i8 0, 0, 20, 40, 7\n",
                        "load.b.i8 0, 0, 40, 20, 3\n",
                        "mmad.i8 0, 0, 0, 20, 40, 20\n",
                        "mv.c 0, 0, 20, 20, 96, 2048\n",
                        "vadds.i32 0, 4096, 3, 9, 9, 64, 64\n",
                        "mv.l1 8192, 0, 3, 64, 64, 64\n",
                        "ld.ub 8192, A, 1, 96, 96, 0\n",
                        "st.ub C, 0, 2, 32, 32, 32\n",
                        "pipe_barrier V\n",
                        "pipe_barrier M\n",
                        "fence\n"};
  const char* pipes[] = {"MTE1", "MTE2", "MTE3", "M", "V"};
  std::string text = ".input A, 0, 512\n.output C, 512, 512\n";
  for (int i = 0; i < 40; ++i) {
    text += work[random() % std::size(work)];
    const size_t from = random() % 5, to = random() % 5;
    if (from == to || random() % 3 > 0) continue;
    const std::string flag = absl::StrCat("_flag ", pipes[from], ", ", pipes[to], ", 0\n");
    absl::StrAppend(&text, "set", flag, "wait", flag);
  }
  return ParseDavinci(text);
}

TEST(Time, EqualsTheCycleByCycleRunOnRandomPrograms) {
  const std::unique_ptr<Core> core = DavinciCoreOf();
  std::mt19937_64 random(11);
  for (int round = 0; round < 40; ++round) {
    const Program program = RandomWork(random);
    STRATA_ASSERT_OK_AND_ASSIGN(const Simulation run, Simulate(*core, program, {}));
    STRATA_ASSERT_OK_AND_ASSIGN(const ReferenceRun slow, ReferenceSimulate(*core, program));
    ASSERT_EQ(run.cycles, slow.cycles) << round;
  }
}

}  // namespace
}  // namespace strata::chips::npu::davinci
