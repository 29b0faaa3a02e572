// SimulationTable: a simulated run step by step, beside what the roofline model predicts for the same steps.
//
//   STRATA_ASSIGN_OR_RETURN(chips::Timeline predicted, PredictTimeline(plan, chip));
//   std::fputs(SimulationTable(plan, report, predicted).c_str(), stdout);
//
// The two need not agree: the roofline overlaps arithmetic and traffic perfectly, moves each operand once and never
// waits. A ratio above one says what that leaves out: reloads, latencies, the array's fill and drain, waiting. It can be
// below one where the vector unit has one instruction for what counts as several operations, as a requantisation.
#ifndef STRATA_COMPILER_DEVICE_SIMULATION_TABLE_H_
#define STRATA_COMPILER_DEVICE_SIMULATION_TABLE_H_

#include <string>

#include "chips/timeline/timeline.pb.h"
#include "compiler/device/simulation_report.h"
#include "compiler/plan/plan.pb.h"

namespace strata::compiler {

// Of the steps that ran on the machine: cycles, time, utilisation, DRAM bytes, predicted time, simulated over predicted,
// model line; then the sums. `predicted` may be empty: those columns are left out then.
std::string SimulationTable(const plan::Plan& plan, const SimulationReport& report,
                            const chips::Timeline& predicted);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_SIMULATION_TABLE_H_
