// What a tuning log knows of a matrix product on this machine: the chooser's view of tuning.
//
//   STRATA_ASSIGN_OR_RETURN(TuningLog log, TuningLog::Open(options.tuning_log));
//   std::optional<GemmConfig> config = TunedGemmConfig(log, problem, isa, threads);   // nullopt: not tuned here
#ifndef STRATA_COMPILER_TUNE_GEMM_TUNING_H_
#define STRATA_COMPILER_TUNE_GEMM_TUNING_H_

#include <optional>
#include <string>

#include "compiler/gemm/config.h"
#include "compiler/gemm/problem.h"
#include "compiler/tune/tuning_log.h"

namespace strata::compiler::tune {

// Task "gemm f32_nt_256x3072x768 avx512 threads=2", this machine's CPU, and as libraries the compiler's version and a
// fingerprint of the kernels emitted: what was measured with other ones does not count.
TuningKey GemmTuningKey(const GemmProblem& problem, const std::string& isa, int threads);

struct TunedGemm {
  GemmConfig config;
  double seconds = 0;  // as measured
  // Of the library's routine in the same turns; 0: there is none, or it is not known.
  double library_seconds = 0;
  // The fastest where a bias and a GELU with both results follow, in one kernel with it where the config allows; nothing in
  // records of before that was measured.
  std::optional<GemmConfig> epilogue_config = std::nullopt;
};
std::optional<TunedGemm> TunedGemmConfig(const TuningLog& log, const GemmProblem& problem,
                                         const std::string& isa, int threads);

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_GEMM_TUNING_H_
