// GemmMeasure: the time of emitted matrix products on this machine.
//
//   STRATA_ASSIGN_OR_RETURN(auto measure, GemmMeasure::Create(problem, HostIsa(), /*threads=*/2, /*cache_dir=*/""));
//   Tune(measure->space(), GemmTuningKey(problem, HostIsa(), 2), options, measure.get(), &log);
//
// A config is built (a batch at once), checked against sums in double at a few places of C, and timed: the least of
// some runs, fewer when it is clearly slower than the best. Of a large product only a part of the columns is timed
// while the search goes on, another part each run so that it comes from memory as in the whole; the last round times
// all of it. Cost: seconds of the whole product, packing included.
#ifndef STRATA_COMPILER_TUNE_GEMM_MEASURE_H_
#define STRATA_COMPILER_TUNE_GEMM_MEASURE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/gemm/problem.h"
#include "compiler/tune/followed_gemm.h"
#include "compiler/tune/gemm_space.h"
#include "compiler/tune/measure.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler::tune {

class GemmMeasure : public Measure {
 public:
  // RESOURCE_EXHAUSTED when the operands do not fit memory; the errors of CheckGemm and IsaFlags; INVALID_ARGUMENT for an
  // empty product or threads < 1.
  static absl::StatusOr<std::unique_ptr<GemmMeasure>> Create(const GemmProblem& problem,
                                                             const std::string& isa, int threads,
                                                             const std::string& cache_dir);
  ~GemmMeasure() override;

  const SearchSpace& space() const { return space_; }

  std::vector<absl::StatusOr<double>> Run(absl::Span<const Config> configs,
                                          const MeasureContext& context) override;

  // A bias and a GELU with both results (followed_gemm.h).
  std::vector<absl::StatusOr<double>> RunWithEpilogue(absl::Span<const Config> configs) override;

  // Twice by itself and twice followed, and once to bring memory in.
  double TurnSeconds(double cost) const override { return 5 * cost; }

  // The library's sgemm (kernels/cpu/gemm.h); 0 for bf16, which it has not.
  double RunRival() override;

 private:
  class Candidate;  // a config, built
  GemmMeasure(const GemmProblem& problem, const std::string& isa, int threads,
              const std::string& cache_dir);
  void Build(absl::Span<const Config> configs);
  absl::Status BuildFollowed(absl::Span<const Config> configs);
  absl::Status BuildTogether(absl::Span<const Config> configs);
  absl::Status Check(Candidate* candidate);
  absl::Status CheckColumns(int64_t columns) const;
  double Share() const;  // of the columns that the search times at once
  double Time(Candidate* candidate, const MeasureContext& context);

  const GemmProblem problem_;
  const std::string isa_;
  const int threads_;
  const std::string cache_dir_;
  const SearchSpace space_;
  graph::HostTensor a_, b_, c_;
  bool rival_is_warm_ = false;
  std::map<Config, absl::StatusOr<std::unique_ptr<Candidate>>> built_;
  std::map<Config, std::unique_ptr<FollowedGemm>> followed_;
};

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_GEMM_MEASURE_H_
