// ParallelFor: splits a range over OpenMP threads, the one pool that oneDNN shares.
//
//   ParallelFor(rows, /*grain=*/8, threads, [&](int64_t begin, int64_t end) { Softmax(x, begin, end); });
#ifndef STRATA_COMPILER_KERNELS_CPU_PARALLEL_H_
#define STRATA_COMPILER_KERNELS_CPU_PARALLEL_H_

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace strata::compiler {

// How many parts a range of n iterations is split into: at most `threads`, of at least `grain`
// iterations each (the last may have fewer); 0 for an empty range.
inline int64_t ParallelParts(int64_t n, int64_t grain, int threads) {
  const int64_t least = std::max<int64_t>(grain, 1);
  return n <= 0 ? 0 : std::min<int64_t>(threads, (n + least - 1) / least);
}

struct PartRange {
  int64_t begin, end;
};

// Part `part` of [0, n).
inline PartRange PartOf(int64_t n, int64_t parts, int64_t part) {
  return {n * part / parts, n * (part + 1) / parts};
}

// Calls body(begin, end) on the ParallelParts() of [0, n). The split depends on the arguments only.
// Within a parallel region the calling thread does all parts: regions do not nest.
template <typename Body>
void ParallelFor(int64_t n, int64_t grain, int threads, const Body& body) {
  const int64_t parts = ParallelParts(n, grain, threads);
  if (n <= 0) return;
  if (parts <= 1) {
    body(int64_t{0}, n);
    return;
  }
#pragma omp parallel for num_threads(static_cast <int>(parts)) \
    schedule(static, 1) if (!omp_in_parallel())
  for (int64_t part = 0; part < parts; ++part) {
    const PartRange range = PartOf(n, parts, part);
    body(range.begin, range.end);
  }
}

// Calls body(i) for each i of [0, n), each thread taking the next when it is free: for work of uneven size.
template <typename Body>
void ParallelTasks(int64_t n, int threads, const Body& body) {
  if (n <= 1 || threads <= 1) {
    for (int64_t i = 0; i < n; ++i) body(i);
    return;
  }
#pragma omp parallel for num_threads(static_cast <int>(std::min <int64_t>(threads, n))) \
    schedule(dynamic, 1) if (!omp_in_parallel())
  for (int64_t i = 0; i < n; ++i) body(i);
}

// How many threads OpenMP, and oneDNN with it, takes in the calling thread, while this lives.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : saved_(omp_get_max_threads()) {
    omp_set_num_threads(threads);
  }
  ~ThreadScope() { omp_set_num_threads(saved_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int saved_;
};

// Index of the calling thread in the innermost parallel region: [0, threads).
inline int ThreadIndex() { return omp_get_thread_num(); }

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PARALLEL_H_
