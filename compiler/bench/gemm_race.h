// RaceGemm: emitted matrix products against oneDNN's, in turn on the same operands.
#ifndef STRATA_COMPILER_BENCH_GEMM_RACE_H_
#define STRATA_COMPILER_BENCH_GEMM_RACE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/gemm/config.h"
#include "compiler/gemm/problem.h"

namespace strata::compiler {

// Seconds: medians over the rounds. What each includes:
struct GemmTimes {
  double ours = 0;          // packing of A and of B, and the product
  double ours_packed = 0;   // packing of A, and the product; B was packed before
  double onednn_whole = 0;  // f32: dnnl_sgemm on plain operands; bf16: reorder of B, and the matmul
  double onednn_packed = 0;  // oneDNN's matmul on plain A; B was reordered before
  GemmConfig config;         // the fastest of those given
  double first_config = 0;   // `ours` of the first config given

  double onednn() const;  // the better of its two
};

struct RaceOptions {
  int threads = 1;
  double seconds = 1;  // of measuring, about
  std::string cache_dir;
};

// Each round runs every contestant once. The fastest of `configs` (not empty) by `ours` counts.
absl::StatusOr<GemmTimes> RaceGemm(const GemmProblem& problem,
                                   const std::vector<GemmConfig>& configs,
                                   const RaceOptions& options);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_BENCH_GEMM_RACE_H_
