// Sweeps at work: few queries through all keys of their views, in parts that threads take (paged_split.h). Blocks of a
// sweep that is cut leave their sums aside, and the thread that is last with it joins them in their order.
//
//   PagedSweeps sweeps(g);
//   sweeps.Plan(std::move(all), threads);
//   ParallelTasks(threads, threads, [&](int64_t part) { good = sweeps.Run(b, order, part); });
#ifndef STRATA_COMPILER_KERNELS_CPU_PAGED_SWEEP_H_
#define STRATA_COMPILER_KERNELS_CPU_PAGED_SWEEP_H_

#include <cstdint>
#include <vector>

#include "compiler/kernels/cpu/paged_call.h"
#include "compiler/kernels/cpu/paged_split.h"

namespace strata::compiler {

class PagedSweeps {
 public:
  static constexpr int64_t kMostQueries = 16;  // of a key head

  explicit PagedSweeps(const PagedGeometry& g) : g_(g) {}

  // How many key heads a sweep takes, so that a block of their keys and values, and the next one, stay in the second
  // cache. A view that threads have to share is shared by heads: what blocks leave would go from one to the other.
  int64_t MostHeads(int threads) const;

  void Plan(std::vector<Sweep> sweeps, int64_t parts);
  // Part `part`, by any thread. rows: in the order of views. False when a view names a slot that is not there.
  bool Run(const PagedBuffers& b, const int32_t* rows, int64_t part);

 private:
  friend class SweepRun;

  // A sweep of several parts: `record` is where its states lie, those of its first part, then one a cell from there on.
  struct Cut {
    int64_t parts = 0, first_end = 0, record = 0;
    int32_t left = 0;  // parts that are not done
  };
  QueryBlock Records(int64_t record, int64_t count);
  void JoinParts(const PagedBuffers& b, const int32_t* rows, int64_t sweep);

  const PagedGeometry& g_;
  std::vector<Sweep> sweeps_;
  SweepParts parts_;
  std::vector<Cut> cuts_;  // of each sweep
  std::vector<float> out_, sum_, top_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PAGED_SWEEP_H_
