#include "chips/npu/machine/machine.h"

#include <functional>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

using ::testing::HasSubstr;

TEST(FindMachine, EveryEntryIsValidAndNamedAfterItsKey) {
  for (const std::string& name : MachineNames()) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Machine machine, FindMachine(name));
    EXPECT_EQ(machine.name(), name);
  }
}

TEST(FindMachine, RefusesUnknownNamesAndFiles) {
  EXPECT_THAT(FindMachine("tpu"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no machine named 'tpu'; there is: "
                                                              "davinci_like, edge_16")));
  EXPECT_THAT(FindMachine("./none.textproto"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none.textproto")));
}

TEST(ValidateMachine, RefusesByFieldPath) {
  struct Fault {
    std::function<void(Machine*)> spoil;
    const char* message;
  };
  const Fault faults[] = {
      {[](Machine* m) { m->set_version(7); }, "version: is 7"},
      {[](Machine* m) { m->clear_name(); }, "name: is empty"},
      {[](Machine* m) { m->clear_clock_hz(); }, "clock_hz: is unset"},
      {[](Machine* m) { m->mutable_clock_hz()->set_value(0); }, "clock_hz.value: is 0"},
      {[](Machine* m) { m->mutable_vector_lanes()->set_value(1.5); },
       "vector_lanes.value: is 1.5; give a whole number"},
      {[](Machine* m) { m->mutable_queue_depth()->set_source(" "); },
       "queue_depth.source: is empty"},
      {[](Machine* m) { m->mutable_array()->clear_rows(); }, "array.rows: is unset"},
      {[](Machine* m) { m->mutable_array()->clear_dataflow(); }, "array.dataflow: is unset"},
      {[](Machine* m) { m->mutable_array()->set_dataflow(OUTPUT_STATIONARY); },
       "array.planes: is set, but"},
      {[](Machine* m) { m->mutable_array()->clear_planes(); }, "array.planes: is unset"},
      {[](Machine* m) { m->mutable_array()->clear_types(); }, "array.types: is empty"},
      {[](Machine* m) { m->mutable_array()->add_types(I8); }, "array.types[4]: give I8"},
      {[](Machine* m) { m->mutable_array()->set_types(0, F32); }, "array.types[0]: give I8"},
      {[](Machine* m) { m->clear_dram(); }, "dram: is unset"},
      {[](Machine* m) { m->mutable_dram()->set_banks(2); }, "dram.banks: give 1"},
      {[](Machine* m) { m->mutable_l1()->set_banks(0); }, "l1.banks: give 1 to 64"},
      {[](Machine* m) { m->mutable_l1()->set_banks(3); }, "l1.capacity_bytes: contradicts banks"},
      {[](Machine* m) { m->mutable_l1()->set_alignment_bytes(12); },
       "l1.alignment_bytes: give a power of two"},
      {[](Machine* m) { m->clear_l2(); }, "l2_bytes_per_cycle: is set, but there is no l2"},
      {[](Machine* m) { m->clear_l2_bytes_per_cycle(); }, "l2_bytes_per_cycle: is unset"},
      {[](Machine* m) { m->mutable_accumulators()->set_alignment_bytes(2); },
       "accumulators.alignment_bytes: give at least 4"},
      {[](Machine* m) { m->clear_picojoules_per_mac_i8(); }, "picojoules_per_mac_i8: is unset"},
      {[](Machine* m) { m->clear_picojoules_per_mac_f8(); }, "picojoules_per_mac_f8: is unset"},
      {[](Machine* m) { m->clear_special_function_passes(); }, "special_function_passes: is unset"},
      {[](Machine* m) { m->mutable_special_function_passes()->set_value(0); },
       "special_function_passes.value: is 0"},
      {[](Machine* m) { m->mutable_l1()->mutable_picojoules_per_byte()->set_value(-1); },
       "l1.picojoules_per_byte.value: is -1"},
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const Machine good, FindMachine("edge_16"));
  for (const Fault& fault : faults) {
    Machine machine = good;
    fault.spoil(&machine);
    EXPECT_THAT(ValidateMachine(machine),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(fault.message)));
  }
}

TEST(ValidateMachine, RefusesDavinciMachinesByFieldPath) {
  struct Fault {
    std::function<void(Machine*)> spoil;
    const char* message;
  };
  const Fault faults[] = {
      {[](Machine* m) { m->clear_queue_depth(); }, "queue_depth: is unset"},
      {[](Machine* m) { m->clear_dram_burst_bytes(); }, "dram_burst_bytes: is unset"},
      {[](Machine* m) { m->mutable_array(); }, "array: is set, but the machine is a DaVinci core"},
      {[](Machine* m) { m->mutable_l2(); }, "l2: is set, but"},
      {[](Machine* m) { m->clear_l1(); }, "l1: is unset"},
      {[](Machine* m) { m->mutable_davinci()->clear_types(); }, "davinci.types: is empty"},
      {[](Machine* m) { m->mutable_davinci()->add_types(BF16); }, "davinci.types[2]: give I8"},
      {[](Machine* m) { m->mutable_davinci()->clear_l0a(); }, "davinci.l0a: is unset"},
      {[](Machine* m) { m->mutable_davinci()->mutable_l0b()->set_alignment_bytes(64); },
       "davinci.l0b.alignment_bytes: is 64; the layout asks for 512"},
      {[](Machine* m) { m->mutable_davinci()->mutable_ub()->set_banks(5); },
       "davinci.ub.capacity_bytes: contradicts banks"},
      {[](Machine* m) { m->mutable_davinci()->mutable_ub_bytes_per_cycle()->set_value(100); },
       "davinci.ub_bytes_per_cycle.value: is no multiple"},
      {[](Machine* m) { m->mutable_davinci()->mutable_l1_bytes_per_cycle()->clear_source(); },
       "davinci.l1_bytes_per_cycle.source: is empty"},
      {[](Machine* m) { m->mutable_davinci()->clear_picojoules_per_mac_f16(); },
       "davinci.picojoules_per_mac_f16: is unset"},
      {[](Machine* m) { m->clear_picojoules_per_mac_i8(); }, "picojoules_per_mac_i8: is unset"},
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const Machine good, FindMachine("davinci_like"));
  for (const Fault& fault : faults) {
    Machine machine = good;
    fault.spoil(&machine);
    EXPECT_THAT(ValidateMachine(machine),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(fault.message)));
  }
}

}  // namespace
}  // namespace strata::chips::npu
