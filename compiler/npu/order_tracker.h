// OrderTracker: which earlier instructions of other units an instruction must wait for.
//
//   OrderTracker tracker(core.memories().size());
//   const std::vector<size_t> waits = tracker.Append(unit, effect);   // instructions by number of Append
//
// Two instructions of different units need an order when they touch the same bytes and one of them
// writes. A unit completes its instructions in order, so at most one wait for each other unit is needed:
// for its newest instruction of that kind. And a unit that waits for another learns all that the other
// knew (vector clocks: Mattern 1989), so a wait that another one implies is left out.
//
// What all units know to be complete is forgotten from time to time; a unit that is first used later
// waits for the newest instruction forgotten.
#ifndef STRATA_COMPILER_NPU_ORDER_TRACKER_H_
#define STRATA_COMPILER_NPU_ORDER_TRACKER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "chips/npu/sim/core.h"
#include "chips/npu/sim/shadow.h"

namespace strata::compiler {

class OrderTracker {
 public:
  explicit OrderTracker(size_t memories) : memories_(memories) {}

  // Takes the instruction in and gives those that it must wait for, one a unit, by index.
  std::vector<size_t> Append(int unit, const chips::npu::Effect& effect);

 private:
  struct Record {
    chips::npu::Rows rows;
    int64_t number;  // of its unit's instruction, counted from one
  };
  using Records = std::array<std::vector<Record>, chips::npu::kMaxUnits>;  // numbers ascend
  struct MemoryRecords {
    Records reads, writes;
  };
  struct Past {
    int unit;
    int64_t number;
    chips::npu::Clock known;  // what its unit knew when it was complete, itself included
  };

  // Raises each unit's entry of `newest` to its newest instruction that needs an order with `rows`.
  static void FindConflicts(const Records& records, const chips::npu::Rows& rows, int unit,
                            chips::npu::Clock* newest);
  std::vector<size_t> WithoutImplied(int unit, const chips::npu::Clock& newest) const;
  void Remember(int unit, int64_t number, const chips::npu::Effect& effect);
  void Forget();

  std::vector<MemoryRecords> memories_;
  std::vector<Past> past_;
  std::array<std::vector<size_t>, chips::npu::kMaxUnits> by_unit_;  // indices into past_
  std::array<chips::npu::Clock, chips::npu::kMaxUnits> clocks_ = {};
  chips::npu::Clock forgotten_ = {};
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_ORDER_TRACKER_H_
