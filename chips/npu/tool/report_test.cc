#include "chips/npu/tool/report.h"

#include "base/status_matchers.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/isa/assembler.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/array_core.h"
#include "chips/timeline/validate.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

using ::testing::HasSubstr;

constexpr char kText[] =
    ".input A, 0, 256\n"
    "ld.l1 0, A, 4, 64, 64, 64\n"
    "signal load, weights, 0\n"
    "wait load, weights, 0\n"
    "ldw.i8 0, 0, 4, 16, 64\n"
    "fence\n"
    "mm.i8 0, 0, 0, 16, 4, 16, 64, 64\n";

struct Ran {
  std::unique_ptr<Core> core;
  Program program;
  Simulation run;
};

Ran RunOn(const std::string& machine) {
  Ran ran;
  ran.core = *NewArrayCore(*FindMachine(machine));
  ran.program = *Assemble(ArrayIsa(), kText, "t.s");
  SimulationOptions options;
  options.record_spans = true;
  ran.run = *Simulate(*ran.core, ran.program, options);
  return ran;
}

TEST(Energy, IsCountsTimesTheMachinesFigures) {
  const Ran ran = RunOn("edge_16");
  const std::vector<EnergyRow> rows = Energy(*ran.core, ran.run);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].name, "int8 multiply-adds");
  EXPECT_EQ(rows[0].count, 1024);
  EXPECT_DOUBLE_EQ(rows[0].picojoules, 1024 * 0.3);
  EXPECT_EQ(rows[1].name, "DRAM");
  EXPECT_DOUBLE_EQ(rows[1].picojoules, 256 * 162.5);
  EXPECT_EQ(rows[2].name, "L1");  // written by ld, read by ldw and mm
  EXPECT_EQ(rows[2].count, 256 + 64 + 64);
  EXPECT_EQ(rows[3].name, "ACC");
  EXPECT_DOUBLE_EQ(rows[3].picojoules, 1024 * 2.5);
}

// ld 1 to 17, complete 117; the wait until 118; ldw until 122; the fence in 122; mm from 124, 46 cycles.
TEST(Report, JsonIsWhole) {
  const Ran ran = RunOn("edge_16");
  const std::string json = JsonReport(*ran.core, ran.run);
  EXPECT_THAT(json, HasSubstr("{\"cycles\": 170, \"seconds\": 1.7e-07, \"macs\": 1024, "
                              "\"dispatched\": 6, \"units\": {\"load\": {\"instructions\": 1, "
                              "\"busy\": 16, \"token_cycles\": 1, \"stalls\": {\"dispatch\": 1, "
                              "\"token\": 0, \"bank\": 0, \"dram\": 0}, \"idle\": 152}"));
  EXPECT_THAT(json, HasSubstr("\"DRAM\": {\"read_bytes\": 256, \"written_bytes\": 0}"));
  EXPECT_THAT(json, HasSubstr("\"total\": 45427.2}}\n"));
  EXPECT_THAT(TextReport(*ran.core, ran.run), HasSubstr("170 cycles, 1.7e-07 s at 1e+09 Hz"));
}

TEST(MakeTimeline, IsValidWhateverTheClock) {
  for (const char* machine : {"edge_16", "tpu_v4_like", "tpu_v1_like"}) {
    const Ran ran = RunOn(machine);
    const Timeline timeline = MakeTimeline(*ran.core, ran.program, ran.run);
    EXPECT_OK(ValidateTimeline(timeline));
    EXPECT_EQ(timeline.lanes_size(), 6);
    EXPECT_EQ(timeline.events_size(), 5);
  }
  const Ran ran = RunOn("edge_16");
  const Timeline timeline = MakeTimeline(*ran.core, ran.program, ran.run);
  const TimelineEvent& wait = timeline.events(1);  // from when its queue reached it
  EXPECT_EQ(wait.name(), "wait load to weights 0");
  EXPECT_EQ(wait.start_ns(), 3);
  EXPECT_EQ(wait.duration_ns(), 118 - 3);
  EXPECT_EQ(wait.origin(), "t.s:4");
  const TimelineEvent& product = timeline.events(4);
  EXPECT_EQ(product.name(), "mm.i8");
  EXPECT_EQ(timeline.lanes(static_cast<int>(product.lane())), "matrix");
  EXPECT_EQ(product.flops(), 2048);
}

}  // namespace
}  // namespace strata::chips::npu
