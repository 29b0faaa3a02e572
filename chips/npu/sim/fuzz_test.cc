// Whatever a program's instructions are, the answer is a status: nothing is touched out of bounds, and
// what the verifier lets pass runs to its end.
#include <algorithm>
#include <random>

#include "absl/strings/ascii.h"
#include "base/spoil.h"
#include "chips/npu/isa/disassembler.h"
#include "chips/npu/isa/encoding.h"
#include "chips/npu/isa/random_program.h"
#include "chips/npu/sim/gemm.h"
#include "chips/npu/sim/simulator.h"
#include "chips/npu/sim/test_support.h"
#include "chips/npu/sim/verifier.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

constexpr SmallOperands kSmall = {64, 64, 8, 16};

TEST(Fuzz, EveryProgramGetsAStatus) {
  std::mt19937_64 random(5);
  for (const char* machine : {"edge_16", "edge_16_os"}) {
    const std::unique_ptr<Core> core = CoreOf(machine);
    MemoryImage image = *NewImage(*core, RandomProgram(ArrayIsa(), kSmall, random));
    SimulationOptions options;
    options.image = &image;
    int verified = 0, ran = 0;
    for (int round = 0; round < 4000; ++round) {
      const Program program = RandomProgram(ArrayIsa(), kSmall, random);
      const bool fine = Verify(*core, program).ok();
      const absl::StatusOr<Simulation> run = Simulate(*core, program, options);
      ASSERT_TRUE(run.ok() || !fine) << run.status();
      verified += fine;
      ran += run.ok();
    }
    EXPECT_GT(verified, 50);
    EXPECT_GT(ran, verified);
  }
}

bool IsPrintable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isprint(static_cast<unsigned char>(c)); });
}

// The text of a generated product, spoiled: a program that both of its forms hold, or a place.
TEST(Fuzz, EveryTextGetsAProgramOrAPlace) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Machine machine, FindMachine("edge_16"));
  STRATA_ASSERT_OK_AND_ASSIGN(const GemmProgram gemm, MakeGemm(machine, {40, 70, 36}));
  const std::string good = Disassemble(gemm.program);
  std::mt19937_64 random(6);
  int accepted = 0, refused = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string spoilt = round % 2 == 0 ? Spoil(good, random) : SpoilLine(good, random);
    const absl::StatusOr<Program> program = Assemble(ArrayIsa(), spoilt, "t.s");
    if (!program.ok()) {
      ++refused;
      EXPECT_EQ(program.status().message().substr(0, 4), "t.s:") << program.status();
      EXPECT_TRUE(IsPrintable(program.status().message())) << program.status();
      continue;
    }
    ++accepted;
    const std::string text = Disassemble(*program);
    STRATA_ASSERT_OK_AND_ASSIGN(const Program again, Assemble(ArrayIsa(), text, "t.s"));
    EXPECT_EQ(Disassemble(again), text);
    STRATA_ASSERT_OK_AND_ASSIGN(const std::string bytes, EncodeProgram(*program));
    STRATA_ASSERT_OK_AND_ASSIGN(const Program back, DecodeProgram(ArrayIsa(), bytes, "t.bin"));
    EXPECT_EQ(Disassemble(back), text);
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace strata::chips::npu
