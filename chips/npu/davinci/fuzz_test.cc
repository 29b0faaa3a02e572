// Whatever comes in, the answer is a status: programs, assembly text, binary files, machines. Bounded and
// seeded. (The array core's: chips/npu/sim/fuzz_test.cc, chips/npu/isa/encoding_test.cc.)
#include "base/spoil.h"
#include "base/textproto.h"
#include "chips/npu/davinci/davinci_gemm.h"
#include "chips/npu/davinci/test_support.h"
#include "chips/npu/isa/disassembler.h"
#include "chips/npu/isa/encoding.h"
#include "chips/npu/isa/random_program.h"
#include "chips/npu/sim/new_core.h"
#include "gtest/gtest.h"

namespace strata::chips::npu::davinci {
namespace {

constexpr SmallOperands kSmall = {8, 512, 4, 64};

TEST(Fuzz, EveryProgramGetsAStatus) {
  const std::unique_ptr<Core> core = DavinciCoreOf();
  std::mt19937_64 random(5);
  MemoryImage image = *NewImage(*core, RandomProgram(DavinciIsa(), kSmall, random));
  SimulationOptions options;
  options.image = &image;
  int verified = 0, ran = 0;
  for (int round = 0; round < 4000; ++round) {
    const Program program = RandomProgram(DavinciIsa(), kSmall, random);
    const bool fine = Verify(*core, program).ok();
    const absl::StatusOr<Simulation> run = Simulate(*core, program, options);
    ASSERT_TRUE(run.ok() || !fine) << run.status();
    verified += fine;
    ran += run.ok();
  }
  EXPECT_GT(verified, 50);
  EXPECT_GT(ran, verified);
}

Program SmallGemm() {
  DavinciGemmShape shape = {20, 40, 20, I8};
  shape.bias = shape.relu = shape.narrow = true;
  return *MakeDavinciGemm(*FindMachine("davinci_like"), shape);
}

TEST(Fuzz, EveryTextGetsAProgramOrAPlace) {
  const std::string good = Disassemble(SmallGemm());
  std::mt19937_64 random(6);
  int refused = 0, accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string text = Spoil(good, random);
    const absl::StatusOr<Program> program = Assemble(DavinciIsa(), text, "t.s");
    accepted += program.ok();
    if (program.ok()) continue;
    ++refused;
    EXPECT_EQ(program.status().message().substr(0, 4), "t.s:") << program.status();
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(accepted, 30);
}

TEST(Fuzz, EveryBinaryIsRefusedOrExact) {
  const std::string good = *EncodeProgram(SmallGemm());
  std::mt19937_64 random(7);
  int accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string bytes = Spoil(good, random);
    const absl::StatusOr<Program> program = DecodeProgram(DavinciIsa(), bytes, "t.bin");
    if (!program.ok()) continue;
    ++accepted;
    EXPECT_EQ(*EncodeProgram(*program), bytes);
  }
  EXPECT_GT(accepted, 20);
}

// Machines of both kinds: their text parses and is valid, or a field or line is named; what is valid makes
// a core.
TEST(Fuzz, EveryMachineIsRefusedOrMakesACore) {
  std::mt19937_64 random(8);
  for (const char* name : {"davinci_like", "edge_16"}) {
    const std::string good = PrintTextProto(*FindMachine(name));
    int valid = 0;
    for (int round = 0; round < 1500; ++round) {
      Machine machine;
      const absl::Status parsed = ParseTextProto(Spoil(good, random), "m.textproto", &machine);
      if (!parsed.ok()) continue;
      const absl::Status status = ValidateMachine(machine);
      valid += status.ok();
      EXPECT_EQ(NewCore(machine).status(), status);
    }
    EXPECT_GT(valid, 50) << name;
  }
}

}  // namespace
}  // namespace strata::chips::npu::davinci
