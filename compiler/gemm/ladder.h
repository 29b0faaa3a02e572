// The ladder of matrix products: one product, five ways to write it, from three loops to the tuned kernel, each run,
// checked against sums in double precision, counted and measured. For courses and for whoever wants to see why.
//
//   STRATA_ASSIGN_OR_RETURN(auto rungs, ClimbGemmLadder({.M = 512, .N = 512, .K = 512}, {}));
//   for (const GemmRung& rung : rungs) ...  // rung.name, rung.gflops(problem), rung.counts.lines, rung.source
#ifndef STRATA_COMPILER_GEMM_LADDER_H_
#define STRATA_COMPILER_GEMM_LADDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/gemm/problem.h"

namespace strata::compiler {

// What the loops of a rung do, counted by walking them; nothing here depends on the machine.
struct GemmCounts {
  double multiply_adds = 0;  // instructions: of one number, or of a vector of 16
  double loads = 0;          // instructions that read A or B (packed or not) for them
  // Cache lines that a first-level cache of 32 KiB, least recently used out, has to fetch.
  double lines = 0;
};

struct GemmRung {
  std::string name;    // "naive", "tiled", "packed", "vector", "tuned"
  std::string idea;    // one sentence: what is new
  std::string source;  // C, as compiled
  GemmCounts counts;   // for CountedProblem()
  double error = 0;    // largest, in units of what K rounded additions may cost: at most 1 is right
  double seconds = 0;  // the median; 0 when not measured

  double gflops(const GemmProblem& problem) const;
};

struct LadderOptions {
  double seconds = 0.5;   // of measuring each rung; 0: each is only checked and counted
  int candidates = 4;     // configs that "tuned" chooses from by measurement, when there is any
  std::string cache_dir;  // of compiled kernels; "": the usual one
};

// f32 and not transposed: INVALID_ARGUMENT for others, and for an empty product. One thread.
absl::StatusOr<std::vector<GemmRung>> ClimbGemmLadder(const GemmProblem& problem,
                                                      const LadderOptions& options);

// Long sums, so that a column of B does not fit the cache that is counted.
GemmProblem CountedProblem();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_LADDER_H_
