#include "chips/npu/sim/verifier.h"

#include "chips/npu/sim/test_support.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

using ::testing::HasSubstr;

constexpr char kRegions[] = ".input A, 0, 256\n.input W, 256, 256\n.output C, 512, 1024\n";

// One tile: loads, weights, product, the way out. Instructions from line 4 on.
constexpr char kTile[] = R"(ld.l1 0, A, 16, 16, 16, 16
ld.l1 32768, W, 16, 16, 16, 16
signal load, weights, 0
signal load, matrix, 0
wait load, weights, 0
ldw.i8 0, 32768, 16, 16, 16
signal weights, matrix, 0
wait load, matrix, 0
wait weights, matrix, 0
mm.i8 0, 0, 0, 16, 16, 16, 64, 16
signal matrix, vector, 0
wait matrix, vector, 0
vout.32 65536, 0, 16, 16, 64, 64
signal vector, store, 0
wait vector, store, 0
st.l1 C, 65536, 16, 64, 64, 64
)";

absl::Status Check(const std::string& text, const std::string& machine = "edge_16") {
  return Verify(*CoreOf(machine), Parse(absl::StrCat(kRegions, text)));
}

// kTile without the lines that have `part`.
std::string Without(const std::string& part) {
  std::string text, rest = kTile;
  while (!rest.empty()) {
    const std::string line = rest.substr(0, rest.find('\n') + 1);
    rest.erase(0, line.size());
    if (line.find(part) == std::string::npos) text += line;
  }
  return text;
}

TEST(Verifier, AcceptsWhatIsOrdered) {
  EXPECT_OK(Check(""));
  EXPECT_OK(Check(kTile));
  // A fence orders everything, in a loop too.
  EXPECT_OK(
      Check("loop 3\nld.l1 0, A, 16, 16, 16, 16\nfence\nldw.i8 0, 0, 16, 16, 16\nfence\n"
            "mm.i8 0, 0, 0, 16, 16, 16, 64, 16\nfence\nendloop"));
}

TEST(Verifier, TokensOfTheTileAreNeededAndPassOnWhatTheirUnitKnows) {
  const char* pairs[] = {"load, weights", "weights, matrix", "matrix, vector", "vector, store"};
  for (const char* pair : pairs) {
    EXPECT_THAT(Check(Without(pair)), StatusIs(absl::StatusCode::kInvalidArgument,
                                               HasSubstr(absl::StrCat("put signal ", pair))))
        << pair;
  }
  // But this one: the token from weights to matrix says that the loads are complete, too.
  EXPECT_OK(Check(Without("load, matrix")));
}

TEST(Verifier, NamesTheTwoInstructionsOfAHazard) {
  EXPECT_THAT(
      Check(Without("weights, matrix")),
      StatusIs(absl::StatusCode::kInvalidArgument,
               "t.s:11: mm.i8 0, 0, 0, 16, 16, 16, 64, 16: reads plane [0, 16) and is not "
               "ordered after t.s:9: ldw.i8 0, 32768, 16, 16, 16, which writes it; put "
               "signal weights, matrix, 0 behind t.s:9 and wait weights, matrix, 0 before t.s:11"));
  // Nothing holds the second turn's load back: in program order it comes last, so it is at fault.
  EXPECT_THAT(
      Check("loop 2\nld.l1 0, A, 16, 16, 16, 16\nsignal load, weights, 0\n"
            "wait load, weights, 0\nldw.i8 0, 0, 16, 16, 16\nendloop"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("t.s:5: ld.l1 0, 0, 16, 16, 16, 16: writes L1 [0, 256) and is not "
                         "ordered after t.s:8: ldw.i8 0, 0, 16, 16, 16, which reads it; put "
                         "signal weights, load, 0 behind t.s:8 and wait")));
}

TEST(Verifier, FindsDeadlocks) {
  EXPECT_THAT(
      Check("wait load, matrix, 0"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("deadlock: t.s:4: wait load, matrix, 0: not signalled; the program "
                         "has no further instruction")));
  EXPECT_THAT(Check("wait load, matrix, 0\nsignal matrix, load, 0\nwait matrix, load, 0\nsignal "
                    "load, matrix, 0"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("deadlock: t.s:6: wait matrix, load, 0 and t.s:4: wait load, "
                                 "matrix, 0")));
  // The signal stands behind what does not fit into the queue of 16.
  std::string text = "wait load, vector, 0\n";
  for (int i = 0; i < 16; ++i) text += "vfill 0, 1, 1, 4, 0\n";
  EXPECT_THAT(
      Check(absl::StrCat(text, "signal load, vector, 0")),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("held at t.s:20: vfill 0, 1, 1, 4, 0, whose queue of 16 is full")));
  EXPECT_THAT(Check("wait load, vector, 0\nfence\nsignal load, vector, 0"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("held at t.s:5: fence, which waits for the queues")));
  EXPECT_THAT(Check("signal load, vector, 3"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("t.s:4: signal load, vector, 3: nothing waits for this token")));
}

TEST(Verifier, RefusesWhatTheMachineCannotDo) {
  struct Fault {
    const char* text;
    const char* message;
    const char* machine = "edge_16";
  };
  const Fault faults[] = {
      {"mm.i8 0, 0, 0, 16, 16, 16, 64, 16",
       "t.s:4: mm.i8 0, 0, 0, 16, 16, 16, 64, 16: reads L1 "
       "[0, 256), which nothing has written"},
      {"vout.32 0, 0, 1, 1, 16, 64", "reads ACC [0, 4), which nothing has written"},
      {"st.l1 C, 0, 1, 1, 1, 16", "reads L1 [0, 1), which nothing has written"},
      {"ld.l1 0, C, 1, 1, 16, 16", "reads DRAM [512, 513), which nothing has written"},
      {"ld.l1 262144, A, 1, 1, 16, 16", "writes L1 [262144, 262145), beyond its 262144 bytes"},
      {"ld.l1 -16, A, 1, 1, 16, 16", "writes L1 at -16, outside its 262144 bytes"},
      {"ld.l1 8, A, 1, 1, 16, 16", "writes L1 at 8 with stride 16; both must be multiples of 16"},
      {"ld.l1 0, A, 2, 8, 8, 16", "writes L1 at 0 with stride 8; both must be multiples of 16"},
      {"ld.l1 0, A, 2, 32, 16, 0",
       "writes L1 in rows of 32 bytes at a stride of 16: they lie over"},
      {"ld.l1 0, 250, 1, 8, 16, 16", "reads DRAM [250, 258), which lies in no region"},
      {"ld.l1 0, 4000, 1, 8, 16, 16", "reads DRAM [4000, 4008), which lies in no region"},
      {"ldw.i8 0, 0, 17, 16, 16", "k: 17 is more than the array's rows, 16"},
      {"ldw.i8 0, 0, 16, 17, 32", "n: 17 is more than the columns of all arrays, 16"},
      {"ldw.i8 2, 0, 16, 16, 16", "plane: 2 does not exist; there are 2"},
      {"ldw.bf16 0, 0, 1, 1, 32", "machine 'tpu_v1_like' has no bf16", "tpu_v1_like"},
      {"mm.e4m3 0, 0, 0, 1, 1, 1, 64, 64", "machine 'tpu_v4_like' has no fp8 E4M3", "tpu_v4_like"},
      {"ldwt.i8 0, 0, 17, 1, 32", "k: 17 is more than the array's rows, 16"},
      {"ldwt.i8 0, 0, 1, 17, 32", "n: 17 is more than the columns of all arrays, 16"},
      {"vadd.f32 0, 0, 0, 1, 1, 4, 4, 4, 4", "kind: 4 is more than the last kind, 3"},
      {"vmaxr.f32 0, 0, 2, 4, 0, 16", "they lie over one another"},
      {"ld.l2 0, A, 1, 1, 1, 1", "writes L2 which this machine does not have", "tpu_v1_like"},
      {"mmo.i8 0, 0, 0, 1, 1, 1, 64, 16, 16", "'edge_16' is weight-stationary; use ldw, mm"},
      {"mm.i8 0, 0, 0, 1, 1, 1, 64, 16", "'edge_16_os' is output-stationary; use mmo",
       "edge_16_os"},
      {"mmo.i8 0, 0, 0, 17, 1, 1, 64, 16, 16", "m: 17 is more than the array's rows", "edge_16_os"},
      {"vcfg 1, 63, 0, -128, 127", "give 0 <= shift <= 62"},
      {"vcfg 1, 0, 0, 5, 4", "-128 <= low <= high <= 127"},
      {".input D, 100, 8\n", "t.s: regions 'A' and 'D' overlap"},
      {".input D, 4294967296, 1\n", "region 'D': 1 bytes at 4294967296 are not within DRAM's"},
  };
  for (const Fault& fault : faults) {
    EXPECT_THAT(Check(fault.text, fault.machine),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(fault.message)))
        << fault.text;
  }
}

}  // namespace
}  // namespace strata::chips::npu
