// BarrierTracker: where a unit that does not see its own results (Core::SeesItself) needs a barrier.
//
//   BarrierTracker tracker(core);
//   if (tracker.Append(unit, effect)) ...   // put a kBarrier of the unit before this instruction
#ifndef STRATA_COMPILER_NPU_BARRIER_TRACKER_H_
#define STRATA_COMPILER_NPU_BARRIER_TRACKER_H_

#include <array>
#include <vector>

#include "chips/npu/sim/core.h"

namespace strata::compiler {

class BarrierTracker {
 public:
  // Keeps the core.
  explicit BarrierTracker(const chips::npu::Core& core) : core_(core) {}

  // Takes the unit's next instruction in; true when it reads what one since the last barrier wrote.
  bool Append(int unit, const chips::npu::Effect& effect);

 private:
  bool ReadsFresh(size_t unit, const chips::npu::Effect& effect) const;

  const chips::npu::Core& core_;
  std::array<std::vector<chips::npu::Access>, chips::npu::kMaxUnits> fresh_;  // written, by unit
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_BARRIER_TRACKER_H_
