// The staircase of a machine's memory, predicted: caches from its Chip spec, translations from its TLBs, and
// latencies from a few chases.
//
//   STRATA_ASSIGN_OR_RETURN(const Staircase staircase, Calibrate(host_spec, options, Measure));
//   STRATA_ASSIGN_OR_RETURN(const double ns, staircase.Predict(bytes));
//
// A load costs the latency of the level that has its line, and what its translation costs: nothing when the
// first TLB has it, else that of the second, else that of a walk. A spec has capacities but no latencies, and
// does not tell what share of the last cache, which other cores and other guests of the machine use too, is
// ours. So Calibrate() measures, with the chases that `measure` runs:
//
//   translations  one line a page, so that the lines stay in the first caches and the pages do not stay in
//                 the first TLB (256 pages), or the second (4 times its entries)
//   latencies     a chase of half the first cache, then 1.5 times the cache before, for the memory 4 times
//                 the last cache; less what the model says that translations cost there
//   share         chases between the last two caches, halving, until the latency turns into the memory's
//
// All other working sets are predictions.
#ifndef STRATA_CHIPS_MEMSYS_STAIRCASE_H_
#define STRATA_CHIPS_MEMSYS_STAIRCASE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "base/status.h"
#include "chips/memsys/cache_hierarchy.h"
#include "chips/memsys/pointer_chase.h"
#include "chips/spec/chip.pb.h"

namespace strata::chips::memsys {

inline constexpr int64_t kStairLine = 64;
inline constexpr int64_t kStairPage = 4096;

// Nanoseconds a load of a chase over `lines` lines, one every `line_bytes`.
using MeasureLatency = std::function<absl::StatusOr<double>(int64_t lines, int64_t line_bytes)>;

struct StaircaseOptions {
  Replacement replacement = Replacement::kLru;
  std::vector<int64_t> ways = {8, 8, 16};  // of each cache; the last holds for further ones
  int64_t first_tlb = 64;                  // entries
  int64_t second_tlb = 1536;               // more than first_tlb
};

struct Prediction {
  double spec = 0;            // nanoseconds a load, with the spec's capacities
  double share = 0;           // with our share of the last cache
  double translation = 0;     // of both
  std::vector<double> level;  // of `share`: part of the loads that each level has, last the memory
};

struct Staircase {
  CacheHierarchyConfig spec, share, tlb;
  std::vector<int64_t> calibrated;  // working sets that gave the latencies, in bytes

  absl::StatusOr<Prediction> Predict(int64_t bytes) const;
};

// NOT_FOUND for a spec without caches; INVALID_ARGUMENT for shapes that are no cache or TLB.
absl::StatusOr<Staircase> Calibrate(const Chip& chip, const StaircaseOptions& options,
                                    const MeasureLatency& measure);

}  // namespace strata::chips::memsys

#endif  // STRATA_CHIPS_MEMSYS_STAIRCASE_H_
