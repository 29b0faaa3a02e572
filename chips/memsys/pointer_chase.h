// Pointer chases: loads of which each tells where the next goes, so that nothing overlaps and the time of
// one is the latency of wherever its line lies. Over ever larger working sets the mean latency climbs a
// staircase, one step a level of the memory hierarchy.
//
//   const std::vector<int32_t> next = RandomCycle(lines, seed);      // lines 0 ... #lines - 1, each once
//   const ChaseResult result = SimulateChase(next, 64, &hierarchy);  // what the model says
//   double ns = MeasureChase(next, 64, 1 << 20, 5);                  // what this machine does
#ifndef STRATA_CHIPS_MEMSYS_POINTER_CHASE_H_
#define STRATA_CHIPS_MEMSYS_POINTER_CHASE_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "chips/memsys/cache_hierarchy.h"

namespace strata::chips::memsys {

// A permutation that is one cycle, all of them equally likely (Sattolo's algorithm, 1986). lines >= 1.
std::vector<int32_t> RandomCycle(int64_t lines, uint64_t seed);

struct ChaseResult {
  double mean_latency = 0;
  std::vector<double> share;  // of accesses that each level had, last the memory; sums to 1
};

// One round to warm up, then means over a second; a line every `line_bytes` from address 0.
ChaseResult SimulateChase(const std::vector<int32_t>& next, int64_t line_bytes,
                          CacheHierarchy* hierarchy);

// Nanoseconds of this thread's processor time a load takes on this machine: the least mean of `trials`
// runs of `loads` loads, after a round to warm up, in large pages where the system gives them. Runs
// shorter than a scheduler's time slice are best on a busy machine. RESOURCE_EXHAUSTED without memory.
absl::StatusOr<double> MeasureChase(const std::vector<int32_t>& next, int64_t line_bytes,
                                    int64_t loads, int trials);

}  // namespace strata::chips::memsys

#endif  // STRATA_CHIPS_MEMSYS_POINTER_CHASE_H_
