// The rules of time in simulator.h, played cycle by cycle: the oracle of Simulate().
#ifndef STRATA_CHIPS_NPU_SIM_REFERENCE_SIMULATOR_H_
#define STRATA_CHIPS_NPU_SIM_REFERENCE_SIMULATOR_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "chips/npu/sim/core.h"

namespace strata::chips::npu {

struct Started {
  int64_t cycle;
  int unit;
  size_t index;  // in Program::instructions
};

struct ReferenceRun {
  int64_t cycles = 0;
  std::vector<Started> starts;  // by cycle, then unit
};

// Small programs only. FAILED_PRECONDITION when nothing moves for good.
absl::StatusOr<ReferenceRun> ReferenceSimulate(const Core& core, const Program& program);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_REFERENCE_SIMULATOR_H_
