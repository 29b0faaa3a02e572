// Whatever comes in, the answer is a status: programs, assembly text, binary files, machines. Bounded and
// seeded. (The array core's: chips/npu/sim/fuzz_test.cc, chips/npu/isa/encoding_test.cc.)
#include "base/textproto.h"
#include "chips/npu/davinci/davinci_gemm.h"
#include "chips/npu/davinci/test_support.h"
#include "chips/npu/isa/disassembler.h"
#include "chips/npu/isa/encoding.h"
#include "chips/npu/sim/new_core.h"
#include "gtest/gtest.h"

namespace strata::chips::npu::davinci {
namespace {

// Operands are mostly small, so that many instructions are fine, and sometimes at the kind's ends.
int64_t RandomOperand(const OperandRow& row, std::mt19937_64& random) {
  const OperandRange range = RangeOf(row.kind);
  if (row.kind == OperandKind::kUnit) return 1 + static_cast<int64_t>(random() % 5);
  switch (random() % 16) {
    case 0:
      return range.low;
    case 1:
      return range.high;
    case 2:
      return range.low +
             static_cast<int64_t>(random() % static_cast<uint64_t>(range.high - range.low));
    default:
      break;
  }
  if (row.kind == OperandKind::kAddress) return static_cast<int64_t>(random() % 8 * 512);
  if (row.kind == OperandKind::kStride) return static_cast<int64_t>(random() % 4 * 64);
  return static_cast<int64_t>(random() % 4);
}

Program RandomProgram(std::mt19937_64& random) {
  Program program;
  program.isa = &DavinciIsa();
  program.name = "fuzz";
  program.regions = {{RegionKind::kInput, "A", 0, 4096}, {RegionKind::kOutput, "C", 4096, 4096}};
  const auto& rows = DavinciIsa().instructions;
  for (uint64_t count = 1 + random() % 12; count > 0; --count) {
    Instruction instruction;
    instruction.row = &rows[random() % rows.size()];
    for (size_t i = 0; i < instruction.row->operands.size(); ++i) {
      const OperandRow& row = instruction.row->operands[i];
      instruction.operands[i].value = RandomOperand(row, random);
      const bool based = row.kind == OperandKind::kAddress && random() % 8 == 0;
      if (based) instruction.operands[i].base = static_cast<uint8_t>(random() % kRegisters);
    }
    program.instructions.push_back(instruction);
  }
  return program;
}

TEST(Fuzz, EveryProgramGetsAStatus) {
  const std::unique_ptr<Core> core = DavinciCoreOf();
  std::mt19937_64 random(5);
  MemoryImage image = *NewImage(*core, RandomProgram(random));
  SimulationOptions options;
  options.image = &image;
  int verified = 0, ran = 0;
  for (int round = 0; round < 4000; ++round) {
    const Program program = RandomProgram(random);
    const bool fine = Verify(*core, program).ok();
    const absl::StatusOr<Simulation> run = Simulate(*core, program, options);
    ASSERT_TRUE(run.ok() || !fine) << run.status();
    verified += fine;
    ran += run.ok();
  }
  EXPECT_GT(verified, 50);
  EXPECT_GT(ran, verified);
}

// A few bytes of a text are changed, dropped or doubled.
std::string Spoil(std::string text, std::mt19937_64& random) {
  for (uint64_t count = 1 + random() % 4; count > 0 && !text.empty(); --count) {
    const size_t at = random() % text.size();
    switch (random() % 3) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, 1 + random() % 8);
        break;
      default:
        text.insert(at, text.substr(at, random() % 16));
    }
  }
  return text;
}

Program SmallGemm() {
  DavinciGemmShape shape = {20, 40, 20, I8};
  shape.bias = shape.relu = shape.narrow = true;
  return *MakeDavinciGemm(*FindMachine("davinci_like"), shape);
}

TEST(Fuzz, EveryTextGetsAProgramOrAPlace) {
  const std::string good = Disassemble(SmallGemm());
  std::mt19937_64 random(6);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string text = Spoil(good, random);
    const absl::StatusOr<Program> program = Assemble(DavinciIsa(), text, "t.s");
    if (program.ok()) continue;
    ++refused;
    EXPECT_EQ(program.status().message().substr(0, 4), "t.s:") << program.status();
  }
  EXPECT_GT(refused, 1000);
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
