// Counts of the ladder's rungs, by walking their loops.
#ifndef STRATA_COMPILER_GEMM_LADDER_COUNTS_H_
#define STRATA_COMPILER_GEMM_LADDER_COUNTS_H_

#include <cstdint>
#include <list>
#include <unordered_map>

#include "compiler/gemm/config.h"
#include "compiler/gemm/ladder.h"

namespace strata::compiler {

inline constexpr int64_t kLadderBlock = 32;  // of the rungs "tiled" and "packed"

// A cache of whole lines; any line may lie anywhere, the least recently used one goes.
class LineCache {
 public:
  explicit LineCache(size_t lines) : lines_(lines) {}
  void Touch(int64_t line);
  double fetched() const { return fetched_; }

 private:
  size_t lines_;
  double fetched_ = 0;
  std::list<int64_t> order_;  // most recent first
  std::unordered_map<int64_t, std::list<int64_t>::iterator> where_;
};

GemmCounts CountNaive(const GemmProblem& problem);
GemmCounts CountTiled(const GemmProblem& problem);
GemmCounts CountPacked(const GemmProblem& problem);
GemmCounts CountEmitted(const GemmProblem& problem, const GemmConfig& config);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_LADDER_COUNTS_H_
