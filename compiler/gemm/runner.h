// GemmRunner: emitted matrix products on plain memory, for the tuner, the benchmark and the tests. A Plan needs none: its
// steps are the same kernels.
//
//   STRATA_ASSIGN_OR_RETURN(auto runners, GemmRunner::Build({{problem, config}}, HostIsa(), /*cache_dir=*/""));
//   runners[0].Run(a, b, c, /*threads=*/2);
#ifndef STRATA_COMPILER_GEMM_RUNNER_H_
#define STRATA_COMPILER_GEMM_RUNNER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/gemm/config.h"
#include "compiler/gemm/emit.h"
#include "compiler/gemm/problem.h"

namespace strata::compiler {

struct GemmChoice {
  GemmProblem problem;
  GemmConfig config;
};

class GemmRunner {
 public:
  // One for each choice, built together. Not thread-safe: each owns its scratch.
  static absl::StatusOr<std::vector<GemmRunner>> Build(absl::Span<const GemmChoice> choices,
                                                       const std::string& isa,
                                                       const std::string& cache_dir);

  // Everything: packs A, packs B, multiplies.
  void Run(const void* a, const void* b, void* c, int threads);

  // For weights: B once (config.pack_b_first only), then products that do not count it.
  void PackB(const void* b, int threads);
  void RunPacked(const void* a, void* c, int threads);

  const GemmConfig& config() const { return choice_.config; }
  const EmittedGemm& emitted() const { return emitted_; }

 private:
  struct Step {
    KernelEntry* entry = nullptr;
    int64_t extent = 0, grain = 1;
    void operator()(void* const* buffers, int threads) const;
  };
  struct Free {
    void operator()(float* p) const;
  };
  using Memory = std::unique_ptr<float, Free>;
  static Memory Allocate(const PackedShape& shape);

  GemmChoice choice_;
  EmittedGemm emitted_;
  std::shared_ptr<KernelLibrary> library_;
  Step pack_a_, pack_b_, multiply_;
  Memory packed_a_, packed_b_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_RUNNER_H_
