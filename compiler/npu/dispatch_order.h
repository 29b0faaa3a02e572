// DispatchOrder(): in which order to put instructions into their queues.
//
// Runs the queues in time as the simulator does, but without the control unit: every unit sees all its
// instructions at once. The order of starts is then a good order for a control unit that takes one
// instruction a cycle, in order, and stands still at a full queue.
#ifndef STRATA_COMPILER_NPU_DISPATCH_ORDER_H_
#define STRATA_COMPILER_NPU_DISPATCH_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "chips/npu/sim/core.h"

namespace strata::compiler {

struct TimedStep {
  int unit = 0;
  const chips::npu::Effect* effect = nullptr;
  const std::vector<size_t>* waits = nullptr;  // for earlier steps
};

// Indices of the steps; each comes after what it waits for and after the earlier ones of its unit.
std::vector<size_t> DispatchOrder(const chips::npu::Core& core,
                                  const std::vector<TimedStep>& steps);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_DISPATCH_ORDER_H_
