// Figures of single parts, multiplied, against figures that are published of the whole: a slip in one shows.
#include "base/status_matchers.h"
#include "chips/npu/machine/machine.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

double MacsPerCycle(const Machine& machine) {
  const Array& array = machine.array();
  return array.rows().value() * array.columns().value() * array.arrays().value();
}

// Jouppi et al., ISCA 2017: 65,536 MACs, 92 TOPS, 28 MiB on the chip, and a ridge point of 1350 multiply-adds a
// byte of weight memory.
TEST(Published, TpuV1) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Machine machine, FindMachine("tpu_v1_like"));
  const double macs_per_second = MacsPerCycle(machine) * machine.clock_hz().value();
  EXPECT_EQ(MacsPerCycle(machine), 65536);
  EXPECT_NEAR(2 * macs_per_second, 92e12, 0.5e12);
  EXPECT_NEAR(macs_per_second / machine.dram_bytes_per_second().value(), 1350, 5);
  EXPECT_EQ(machine.l1().capacity_bytes().value() + machine.accumulators().capacity_bytes().value(),
            28 << 20);
}

// cloud.google.com/tpu/docs/v4, of a chip of two cores: 275 TFLOPS in bf16 or int8, 32 GiB, 1200 GB/s.
TEST(Published, TpuV4) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Machine machine, FindMachine("tpu_v4_like"));
  EXPECT_NEAR(2 * 2 * MacsPerCycle(machine) * machine.clock_hz().value(), 275e12, 0.5e12);
  EXPECT_TRUE(HasType(machine, BF16));
  EXPECT_TRUE(HasType(machine, I8));
  EXPECT_EQ(2 * machine.dram().capacity_bytes().value(), 32.0 * (1 << 30));
  EXPECT_EQ(2 * machine.dram_bytes_per_second().value(), 1200e9);
}

// Liao et al., Hot Chips 31, 2019: Ascend 910 has 32 cores of 4096 fp16 multiply-adds a cycle, 256 TFLOPS.
TEST(Published, DavinciMax) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Machine machine, FindMachine("davinci_like"));
  EXPECT_NEAR(32 * 2 * 4096 * machine.clock_hz().value(), 256e12, 8e12);
  EXPECT_EQ(32 * machine.dram_bytes_per_second().value(), 1.2e12);
  EXPECT_EQ(machine.davinci().ub_bytes_per_cycle().value() * 8, 2048);
  EXPECT_EQ(machine.davinci().l1_bytes_per_cycle().value() * 8, 4096);
}

// Horowitz, ISSCC 2014, figure 1.1.9, 45 nm and 0.9 V, in picojoules: 8-bit multiply 0.2, 32-bit add 0.1, FP16
// multiply 1.1, FP32 add 0.9; of 64 bits: SRAM of 32 KB 20, of 1 MB 100, DRAM 1300 to 2600.
TEST(Published, EnergiesAreOneTable) {
  for (const std::string& name : MachineNames()) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Machine machine, FindMachine(name));
    SCOPED_TRACE(name);
    if (HasType(machine, I8)) {
      EXPECT_DOUBLE_EQ(machine.picojoules_per_mac_i8().value(), 0.2 + 0.1);
    }
    if (HasType(machine, BF16)) {
      EXPECT_DOUBLE_EQ(machine.picojoules_per_mac_bf16().value(), 1.1 + 0.9);
    }
    EXPECT_DOUBLE_EQ(machine.dram().picojoules_per_byte().value(), 1300.0 / 8);
    const bool large = machine.l1().capacity_bytes().value() >= (1 << 20);
    EXPECT_DOUBLE_EQ(machine.l1().picojoules_per_byte().value(), (large ? 100.0 : 20.0) / 8);
  }
}

}  // namespace
}  // namespace strata::chips::npu
