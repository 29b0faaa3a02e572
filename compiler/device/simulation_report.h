// SimulationReport: what a device that simulates its machine counted in one run, a row a launch.
//
//   SimulationReport report;
//   RunOptions options;
//   options.simulation = &report;
//   STRATA_RETURN_IF_ERROR(executable->Run(inputs, options).status());
//   std::fputs(SimulationSummary(plan, report).c_str(), stdout);
#ifndef STRATA_COMPILER_DEVICE_SIMULATION_REPORT_H_
#define STRATA_COMPILER_DEVICE_SIMULATION_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "compiler/plan/plan.pb.h"

namespace strata::compiler {

// Bytes that a memory moved; of DRAM whole bursts.
struct SimulatedTraffic {
  std::string memory;  // "DRAM", "L1"
  int64_t read_bytes = 0;
  int64_t written_bytes = 0;
};

// Cycles in which a unit had work, but could not go on.
struct SimulatedStall {
  std::string unit;   // "matrix"
  std::string cause;  // "token", "bank", "dram", "dispatch"
  int64_t cycles = 0;
};

struct SimulatedLaunch {
  int step = 0;  // of Plan.steps
  int64_t cycles = 0;
  int64_t macs = 0;         // multiply-adds of the matrix unit
  double ideal_cycles = 0;  // that they would take at the machine's peak
  double picojoules = 0;
  std::vector<SimulatedTraffic> traffic;  // memories that moved anything
  std::vector<SimulatedStall> stalls;     // of more than 0 cycles
};

struct SimulationReport {
  std::string machine;
  std::string main_memory;  // its name among the memories: "DRAM", "GM"
  double clock_hz = 0;
  std::vector<SimulatedLaunch> launches;

  int64_t Cycles() const;
  int64_t Macs() const;
  double Seconds() const;      // Cycles() at the clock
  double Utilisation() const;  // ideal cycles over cycles, in [0, 1]
  double Picojoules() const;
  int64_t Bytes(absl::string_view memory) const;  // read and written
  int64_t DramBytes() const;                      // of main memory, which DaVinci cores call GM
};

// For people: cycles, time, utilisation, traffic, energy; then the steps that the host did, by why. Host steps take no
// simulated time.
std::string SimulationSummary(const plan::Plan& plan, const SimulationReport& report);

// The same figures as one JSON object on one line.
std::string SimulationJson(const plan::Plan& plan, const SimulationReport& report);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_SIMULATION_REPORT_H_
