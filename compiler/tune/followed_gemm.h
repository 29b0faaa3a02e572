// FollowedGemm: a matrix product and what usually follows it, run as the compiler would make them:
// h = C + bias and y = gelu(h), both results, f32. One kernel where the config has whole sums, the
// product and a kernel behind it where not.
//
//   STRATA_ASSIGN_OR_RETURN(auto products, FollowedGemm::Build(problem, {config}, isa, cache_dir));
//   double seconds = products[0]->Run(a, b, /*threads=*/2);
#ifndef STRATA_COMPILER_TUNE_FOLLOWED_GEMM_H_
#define STRATA_COMPILER_TUNE_FOLLOWED_GEMM_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/gemm/config.h"
#include "compiler/gemm/emit.h"
#include "compiler/gemm/problem.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler::tune {

class FollowedGemm {
 public:
  // One for each config, built together; they share the memory of their results. Sums are kept as
  // f32.
  static absl::StatusOr<std::vector<std::unique_ptr<FollowedGemm>>> Build(
      const GemmProblem& problem, absl::Span<const GemmConfig> configs, const std::string& isa,
      const std::string& cache_dir);

  // Packing, product and what follows: seconds.
  double Run(const graph::HostTensor& a, const graph::HostTensor& b, int threads);

  // Whether it is one kernel.
  bool fused() const { return !after_.has_value(); }
  const graph::HostTensor& h() const { return results_->h; }  // [M, N]
  const graph::HostTensor& y() const { return results_->y; }
  const graph::HostTensor& bias() const { return results_->bias; }  // [N]

 private:
  struct Results {
    graph::HostTensor c, h, y, bias;
  };
  struct Step {
    plan::Kernel kernel;
    KernelEntry* entry = nullptr;
  };
  FollowedGemm(const GemmProblem& problem, const GemmConfig& config);
  absl::Status Emit(const std::string& isa);
  std::vector<Step*> Steps();
  absl::Status Prepare(const std::shared_ptr<KernelLibrary>& library);

  const GemmProblem problem_;
  const GemmConfig config_;
  std::shared_ptr<KernelLibrary> library_;
  std::shared_ptr<Results> results_;
  Step pack_a_, multiply_;
  std::optional<Step> pack_b_, after_;
  graph::HostTensor packed_a_, packed_b_;
};

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_FOLLOWED_GEMM_H_
