// A chip of the catalogue and the machine that simulates it are one machine: the same figures.
#include <string>

#include "base/status_matchers.h"
#include "chips/npu/machine/machine.h"
#include "chips/numerics/dtype.h"
#include "chips/spec/catalogue.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

const ComputeRate* RateOf(const Chip& chip, DType dtype, bool matrix_unit) {
  for (const ComputeRate& rate : chip.rates()) {
    if (rate.dtype() == dtype && rate.matrix_unit() == matrix_unit) return &rate;
  }
  return nullptr;
}

const MemoryLevel* LevelOf(const Chip& chip, const std::string& name) {
  for (const MemoryLevel& level : chip.memories()) {
    if (level.name() == name) return &level;
  }
  return nullptr;
}

void ExpectLevel(const Chip& chip, const std::string& name, const Memory& memory) {
  const MemoryLevel* level = LevelOf(chip, name);
  ASSERT_NE(level, nullptr) << name;
  EXPECT_EQ(level->kind(), SCRATCHPAD) << name;
  EXPECT_EQ(level->instances(), 1u) << name;
  EXPECT_EQ(level->capacity_bytes().value(), memory.capacity_bytes().value()) << name;
}

// Multiply-adds a cycle at each place of each array; of DaVinci's cube 16 x 16 x 16, twice that of int8.
double MacsPerCycle(const Machine& machine, DType dtype) {
  if (machine.has_davinci()) return dtype == I8 ? 8192 : 4096;
  const Array& array = machine.array();
  return array.rows().value() * array.columns().value() * array.arrays().value();
}

// Elements of 32 bits.
double VectorLanes(const Machine& machine) {
  return machine.has_davinci() ? machine.davinci().ub_bytes_per_cycle().value() / 4
                               : machine.vector_lanes().value();
}

void ExpectRates(const Chip& chip, const Machine& machine) {
  int matrix_rates = 0;
  for (const ComputeRate& rate : chip.rates()) {
    if (!rate.matrix_unit()) continue;
    ++matrix_rates;
    EXPECT_TRUE(HasType(machine, rate.dtype())) << DTypeName(rate.dtype());
    EXPECT_DOUBLE_EQ(rate.flops_per_second().value(),
                     2 * MacsPerCycle(machine, rate.dtype()) * machine.clock_hz().value())
        << DTypeName(rate.dtype());
  }
  EXPECT_EQ(matrix_rates,
            machine.has_davinci() ? machine.davinci().types_size() : machine.array().types_size());
  const ComputeRate* vector = RateOf(chip, F32, false);
  ASSERT_NE(vector, nullptr);
  EXPECT_DOUBLE_EQ(vector->flops_per_second().value(),
                   VectorLanes(machine) * machine.clock_hz().value());
}

void ExpectDavinciMemories(const Chip& chip, const Machine& machine) {
  EXPECT_EQ(chip.memories_size(), 6);
  ExpectLevel(chip, "L0A", machine.davinci().l0a());
  ExpectLevel(chip, "L0B", machine.davinci().l0b());
  ExpectLevel(chip, "L0C", machine.davinci().l0c());
  ExpectLevel(chip, "UB", machine.davinci().ub());
  ExpectLevel(chip, "L1", machine.l1());
  EXPECT_DOUBLE_EQ(LevelOf(chip, "L1")->bandwidth_bytes_per_second().value(),
                   machine.davinci().l1_bytes_per_cycle().value() * machine.clock_hz().value());
}

void ExpectArrayMemories(const Chip& chip, const Machine& machine) {
  ExpectLevel(chip, "ACC", machine.accumulators());
  ExpectLevel(chip, "L1", machine.l1());
  EXPECT_EQ(chip.memories_size(), machine.has_l2() ? 4 : 3);
  if (machine.has_l2()) {
    ExpectLevel(chip, "L2", machine.l2());
    EXPECT_DOUBLE_EQ(LevelOf(chip, "L2")->bandwidth_bytes_per_second().value(),
                     machine.l2_bytes_per_cycle().value() * machine.clock_hz().value());
  }
}

void ExpectMainMemory(const Chip& chip, const Machine& machine) {
  const MemoryLevel& main = *chip.memories().rbegin();
  EXPECT_EQ(main.capacity_bytes().value(), machine.dram().capacity_bytes().value());
  EXPECT_EQ(main.bandwidth_bytes_per_second().value(), machine.dram_bytes_per_second().value());
}

TEST(SimulatedChips, HaveTheFiguresOfTheirMachines) {
  EXPECT_FALSE(SimulatedChipNames().empty());
  for (const std::string& name : SimulatedChipNames()) {
    SCOPED_TRACE(name);
    STRATA_ASSERT_OK_AND_ASSIGN(const Chip chip, FindChip(name));
    STRATA_ASSERT_OK_AND_ASSIGN(const Machine machine, FindMachine(chip.npu_machine()));
    EXPECT_EQ(chip.title(), machine.title());
    EXPECT_EQ(chip.cores(), machine.has_davinci() ? 1 : machine.array().arrays().value());
    ExpectRates(chip, machine);
    (machine.has_davinci() ? ExpectDavinciMemories : ExpectArrayMemories)(chip, machine);
    ExpectMainMemory(chip, machine);
  }
}

TEST(SimulatedChips, AreAllMachines) { EXPECT_EQ(SimulatedChipNames(), MachineNames()); }

}  // namespace
}  // namespace strata::chips::npu
