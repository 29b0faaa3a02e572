// MemoryUse: what a plan needs of memory, and the least that any placement of its buffers could need.
//
//   const MemoryUse use = MemoryUseOf(plan);
//   use.peak();          // bytes: inputs, results with storage of their own, constants, arena
//   use.lower_bound();   // the same with the least arena: the most bytes of temporaries live at one step
//   use.ToString();      // "arena 731 MB, lower bound 729 MB (+0.3 %); with 1.49 GB of inputs, ... in all 2.22 GB"
//
// The bound is for the plan's own order of steps, with results in place of their operands counted once.
#ifndef STRATA_COMPILER_PLAN_MEMORY_USE_H_
#define STRATA_COMPILER_PLAN_MEMORY_USE_H_

#include <cstdint>
#include <string>

#include "compiler/plan/plan.pb.h"

namespace strata::plan {

struct MemoryUse {  // bytes
  uint64_t inputs = 0;
  uint64_t outputs = 0;  // those that share no storage with an input
  uint64_t constants = 0;
  uint64_t arena = 0;
  uint64_t arena_lower_bound = 0;
  // The first step at which the arena's lower bound is reached; -1: no temporaries.
  int fullest_step = -1;

  uint64_t peak() const { return inputs + outputs + constants + arena; }
  uint64_t lower_bound() const { return inputs + outputs + constants + arena_lower_bound; }
  std::string ToString() const;
};

// `plan` is valid.
MemoryUse MemoryUseOf(const Plan& plan);

}  // namespace strata::plan

#endif  // STRATA_COMPILER_PLAN_MEMORY_USE_H_
