// Whatever a program's instructions are, the answer is a status: nothing is touched out of bounds, and
// what the verifier lets pass runs to its end.
#include <random>

#include "chips/npu/sim/simulator.h"
#include "chips/npu/sim/test_support.h"
#include "chips/npu/sim/verifier.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

// Operands are mostly small, so that many instructions are fine, and sometimes at the kind's ends.
int64_t RandomOperand(const OperandRow& row, std::mt19937_64& random) {
  const OperandRange range = RangeOf(row.kind);
  if (row.kind == OperandKind::kUnit) return 1 + static_cast<int64_t>(random() % 6);
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
  if (row.kind == OperandKind::kAddress) return static_cast<int64_t>(random() % 64 * 64);
  if (row.kind == OperandKind::kStride) return static_cast<int64_t>(random() % 8 * 16);
  return static_cast<int64_t>(random() % 4);
}

Program RandomProgram(std::mt19937_64& random) {
  Program program;
  program.isa = &ArrayIsa();
  program.name = "fuzz";
  program.regions = {{RegionKind::kInput, "A", 0, 4096}, {RegionKind::kOutput, "C", 4096, 4096}};
  const auto& rows = ArrayIsa().instructions;
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
  std::mt19937_64 random(5);
  for (const char* machine : {"edge_16", "edge_16_os"}) {
    const std::unique_ptr<Core> core = CoreOf(machine);
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
}

}  // namespace
}  // namespace strata::chips::npu
