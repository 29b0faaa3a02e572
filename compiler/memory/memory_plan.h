// PlanMemory: gives every buffer of a drafted plan its storage.
//
//   MemoryRequest request = {...};                       // what may share, from the lowering
//   MemoryStatistics memory = PlanMemory(request, &plan);
//
// In: a plan whose buffers have names, types and kinds (INPUT, CONSTANT, else TEMPORARY), and whose steps read and write
// them; outputs list buffers. Out: lifetimes, offsets, aliases, kinds of outputs, arena_bytes; at the end of the steps a
// copy for each update that could not be made in place.
#ifndef STRATA_COMPILER_MEMORY_MEMORY_PLAN_H_
#define STRATA_COMPILER_MEMORY_MEMORY_PLAN_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "compiler/plan/plan.pb.h"

namespace strata::compiler {

inline constexpr uint32_t kNoBuffer = 0xffffffffu;

struct MemoryRequest {
  // By step: pairs (position in reads, position in writes) that the step's kernel allows to be one storage.
  std::vector<std::vector<std::pair<int, int>>> in_place;
  // By buffer: the buffer that it is a view of (the same bytes under other dims), or kNoBuffer. An output is no view of
  // an input, a constant or another output.
  std::vector<uint32_t> view_of;
  // (INPUT buffer, buffer whose content it holds after the run). The second is no INPUT and no view of one.
  std::vector<std::pair<uint32_t, uint32_t>> updates;
};

struct MemoryStatistics {
  uint64_t arena_bytes = 0;
  uint64_t lower_bound = 0;  // most bytes that any arena must hold at one step
  uint64_t sum_bytes = 0;    // of all temporaries, had each its own storage
  int in_place = 0;          // results that took over an operand's storage
  int updates_in_place = 0;  // of these, written straight into an INPUT
  int updates_copied = 0;

  // "arena 3.2 MB, lower bound 3.1 MB (+3.2 %); 9.9 MB without sharing, 12 results in place, ..."
  std::string ToString() const;
};

MemoryStatistics PlanMemory(const MemoryRequest& request, plan::Plan* plan);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_MEMORY_MEMORY_PLAN_H_
