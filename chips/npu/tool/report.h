// What a simulated run says: cycles by unit, stalls by cause, traffic, energy; as text, as JSON, as a
// Timeline.
#ifndef STRATA_CHIPS_NPU_TOOL_REPORT_H_
#define STRATA_CHIPS_NPU_TOOL_REPORT_H_

#include <string>
#include <vector>

#include "chips/npu/isa/program.h"
#include "chips/npu/sim/core.h"
#include "chips/npu/sim/simulator.h"
#include "chips/timeline/timeline.pb.h"

namespace strata::chips::npu {

struct EnergyRow {
  std::string name;   // "int8 multiply-adds", "DRAM"
  int64_t count = 0;  // events, or bytes read and written
  double picojoules = 0;
};

// A row an event and a memory that has a price; memories without one are left out.
std::vector<EnergyRow> Energy(const Core& core, const Simulation& run);

// Tables for people.
std::string TextReport(const Core& core, const Simulation& run);

// One object on one line: cycles, seconds, macs, dispatched, units (busy, token_cycles, stalls by
// cause, idle), memories (bytes), energy_picojoules.
std::string JsonReport(const Core& core, const Simulation& run);

// A lane a unit with a queue; an event an instruction from its start until the unit is free, a wait from
// when its queue reached it. `run` must have spans. Times are rounded down to nanoseconds.
Timeline MakeTimeline(const Core& core, const Program& program, const Simulation& run);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_TOOL_REPORT_H_
