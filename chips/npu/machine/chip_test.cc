// A chip of the catalogue and the machine that simulates it are one machine: the same figures.
#include <functional>
#include <string>

#include "base/status_matchers.h"
#include "chips/npu/machine/check_chip.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/machine/peak.h"
#include "chips/spec/catalogue.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

// What the check lets a chip leave out, a chip of the catalogue states.
void ExpectComplete(const Chip& chip, const Machine& machine) {
  int matrix_rates = 0, vector_rates = 0;
  for (const ComputeRate& rate : chip.rates()) {
    matrix_rates += rate.matrix_unit();
    vector_rates += !rate.matrix_unit() && rate.dtype() == F32;
  }
  EXPECT_EQ(matrix_rates,
            machine.has_davinci() ? machine.davinci().types_size() : machine.array().types_size());
  EXPECT_EQ(vector_rates, 1);
  EXPECT_EQ(chip.memories_size(), machine.has_davinci() ? 6 : machine.has_l2() ? 4 : 3);
  for (const MemoryLevel& level : chip.memories()) {
    const bool stated = level.kind() == MAIN_MEMORY || level.name() == "L2" ||
                        (level.name() == "L1" && machine.has_davinci());
    EXPECT_TRUE(!stated || level.has_bandwidth_bytes_per_second()) << level.name();
  }
}

TEST(SimulatedChips, HaveTheFiguresOfTheirMachines) {
  EXPECT_FALSE(SimulatedChipNames().empty());
  for (const std::string& name : SimulatedChipNames()) {
    SCOPED_TRACE(name);
    STRATA_ASSERT_OK_AND_ASSIGN(const Chip chip, FindChip(name));
    STRATA_ASSERT_OK_AND_ASSIGN(const Machine machine, FindMachine(chip.npu_machine()));
    EXPECT_EQ(chip.title(), machine.title());
    EXPECT_OK(CheckChipIsMachine(chip, machine));
    ExpectComplete(chip, machine);
  }
}

TEST(SimulatedChips, AreAllMachines) { EXPECT_EQ(SimulatedChipNames(), MachineNames()); }

TEST(SimulatedChips, AMachineUnderAnotherChipIsRefused) {
  for (const std::string& name : SimulatedChipNames()) {
    for (const std::string& other : SimulatedChipNames()) {
      STRATA_ASSERT_OK_AND_ASSIGN(Chip chip, FindChip(name));
      STRATA_ASSERT_OK_AND_ASSIGN(const Machine machine, FindMachine(other));
      chip.set_npu_machine(other);
      // edge_16_os differs from edge_16 in its dataflow, which a chip does not state.
      const bool same = name.substr(0, 7) == other.substr(0, 7) && name[0] == 'e';
      EXPECT_EQ(CheckChipIsMachine(chip, machine).ok(), same || name == other)
          << name << " " << other;
    }
  }
}

TEST(Peak, IsWhatIsPublished) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Machine edge, FindMachine("edge_16"));
  EXPECT_EQ(PeakMacsPerCycle(edge, I8), 256);
  EXPECT_EQ(PeakMacsPerCycle(edge, BF16), 256);
  EXPECT_EQ(PeakVectorElementsPerCycle(edge), 16);
  STRATA_ASSERT_OK_AND_ASSIGN(const Machine tpu, FindMachine("tpu_v4_like"));
  EXPECT_EQ(PeakMacsPerCycle(tpu, BF16), 4 * 128 * 128);
  STRATA_ASSERT_OK_AND_ASSIGN(const Machine davinci, FindMachine("davinci_like"));
  EXPECT_EQ(PeakMacsPerCycle(davinci, F16), 4096);
  EXPECT_EQ(PeakMacsPerCycle(davinci, I8), 8192);
  EXPECT_EQ(PeakVectorElementsPerCycle(davinci), 64);
}

struct Case {
  const char* chip;
  std::function<void(Chip*)> change;
  const char* error;  // begins so, after "chip 'NAME': "
};

TEST(CheckChipIsMachine, NamesEachContradiction) {
  const Case cases[] = {
      {"edge_16", [](Chip* c) { c->mutable_rates(0)->mutable_flops_per_second()->set_value(9e15); },
       "rates[0].flops_per_second.value: 9e+15 contradicts npu_machine 'edge_16', whose array "
       "gives "
       "5.12e+11; give that figure, or"},
      {"davinci_like",
       [](Chip* c) { c->mutable_rates(1)->mutable_flops_per_second()->set_value(8.192e12); },
       "rates[1].flops_per_second.value: 8.192e+12 contradicts npu_machine 'davinci_like', whose "
       "cube gives 1.6384e+13; "},
      {"edge_16", [](Chip* c) { c->mutable_rates(1)->set_dtype(F16); },
       "rates[1].dtype: f16 contradicts npu_machine 'edge_16', whose array does not multiply it; "},
      {"edge_16", [](Chip* c) { c->mutable_rates(4)->mutable_flops_per_second()->set_value(32e9); },
       "rates[4].flops_per_second.value: 3.2e+10 contradicts npu_machine 'edge_16', whose vector "
       "unit gives 1.6e+10; "},
      {"tpu_v4_like", [](Chip* c) { c->set_cores(8); },
       "cores: 8 contradicts npu_machine 'tpu_v4_like', whose array gives 4; "},
      {"davinci_like", [](Chip* c) { c->set_cores(32); },
       "cores: 32 contradicts npu_machine 'davinci_like', whose cube gives 1; "},
      {"edge_16",
       [](Chip* c) { c->mutable_memories(1)->mutable_capacity_bytes()->set_value(524288); },
       "memories[1].capacity_bytes.value: 524288 contradicts npu_machine 'edge_16', whose L1 gives "
       "262144; "},
      {"edge_16",
       [](Chip* c) {
         c->mutable_memories(2)->mutable_bandwidth_bytes_per_second()->set_value(1e12);
       },
       "memories[2].bandwidth_bytes_per_second.value: 1e+12 contradicts npu_machine 'edge_16', "
       "whose L2 gives 6.4e+10; "},
      {"davinci_like",
       [](Chip* c) {
         c->mutable_memories(4)->mutable_bandwidth_bytes_per_second()->set_value(1e12);
       },
       "memories[4].bandwidth_bytes_per_second.value: 1e+12 contradicts npu_machine "
       "'davinci_like', whose L1 gives 5.12e+11; "},
      {"edge_16",
       [](Chip* c) {
         c->mutable_memories(3)->mutable_bandwidth_bytes_per_second()->set_value(17e9);
       },
       "memories[3].bandwidth_bytes_per_second.value: 1.7e+10 contradicts npu_machine 'edge_16', "
       "whose dram gives 1.6e+10; "},
      {"edge_16",
       [](Chip* c) { c->mutable_memories(3)->mutable_capacity_bytes()->set_value(1 << 30); },
       "memories[3].capacity_bytes.value: 1073741824 contradicts npu_machine 'edge_16', whose dram "
       "gives 4294967296; "},
      {"edge_16", [](Chip* c) { c->mutable_memories(0)->set_instances(2); },
       "memories[0].instances: 2 contradicts npu_machine 'edge_16', whose ACC gives 1; "},
      {"edge_16", [](Chip* c) { c->mutable_memories(1)->set_kind(CACHE); },
       "memories[1].kind: CACHE contradicts npu_machine 'edge_16', whose L1 is a SCRATCHPAD; "},
      {"edge_16", [](Chip* c) { c->mutable_memories(2)->set_name("UB"); },
       "memories[2].name: 'UB' contradicts npu_machine 'edge_16', which has no such memory; on the "
       "chip it has: ACC, L1, L2"},
  };
  for (const Case& test : cases) {
    STRATA_ASSERT_OK_AND_ASSIGN(Chip chip, FindChip(test.chip));
    STRATA_ASSERT_OK_AND_ASSIGN(const Machine machine, FindMachine(test.chip));
    test.change(&chip);
    EXPECT_THAT(CheckChipIsMachine(chip, machine),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         ::testing::StartsWith("chip '" + chip.name() + "': " + test.error)));
  }
}

TEST(CheckChipIsMachine, AcceptsWhatAChipLeavesOutAndWhatAMachineDoesNotState) {
  STRATA_ASSERT_OK_AND_ASSIGN(Chip chip, FindChip("edge_16"));
  STRATA_ASSERT_OK_AND_ASSIGN(const Machine machine, FindMachine("edge_16"));
  chip.mutable_rates()->RemoveLast();
  chip.mutable_memories()->erase(chip.memories().begin());
  chip.mutable_memories(0)->mutable_bandwidth_bytes_per_second()->set_value(1e12);  // of L1
  chip.mutable_rates(0)->mutable_flops_per_second()->set_value(512.0001e9);
  chip.mutable_memories()->rbegin()->set_name("LPDDR4");
  EXPECT_OK(CheckChipIsMachine(chip, machine));
}

}  // namespace
}  // namespace strata::chips::npu
