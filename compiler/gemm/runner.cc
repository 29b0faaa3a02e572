#include "compiler/gemm/runner.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

#include "compiler/codegen/emit.h"
#include "compiler/kernels/cpu/parallel.h"

namespace strata::compiler {

void GemmRunner::Step::operator()(void* const* buffers, int threads) const {
  ParallelFor(extent, grain, threads,
              [&](int64_t begin, int64_t end) { entry(buffers, begin, end); });
}

void GemmRunner::Free::operator()(float* p) const { std::free(p); }

GemmRunner::Memory GemmRunner::Allocate(const PackedShape& shape) {
  constexpr size_t kLine = 64;
  const size_t bytes = static_cast<size_t>(shape.elements()) * sizeof(float);
  return Memory(static_cast<float*>(std::aligned_alloc(kLine, (bytes / kLine + 1) * kLine)));
}

absl::StatusOr<std::vector<GemmRunner>> GemmRunner::Build(absl::Span<const GemmChoice> choices,
                                                          const std::string& isa,
                                                          const std::string& cache_dir) {
  std::vector<GemmRunner> runners;
  std::vector<std::string> sources;
  for (const GemmChoice& choice : choices) {
    const auto& [problem, config] = choice;
    GemmRunner runner;
    runner.choice_ = choice;
    STRATA_ASSIGN_OR_RETURN(runner.emitted_, EmitGemm(problem, config, isa));
    runner.packed_a_ = Allocate(PackedA(problem, config));
    if (config.pack_b_first) runner.packed_b_ = Allocate(PackedB(problem, config));
    if (runner.packed_a_ == nullptr || (config.pack_b_first && runner.packed_b_ == nullptr)) {
      return absl::ResourceExhaustedError(
          absl::StrCat(GemmName(problem), ": no memory for packed operands"));
    }
    sources.push_back(runner.emitted_.pack_a.source());
    sources.push_back(runner.emitted_.multiply.source());
    if (runner.emitted_.pack_b) sources.push_back(runner.emitted_.pack_b->source());
    runners.push_back(std::move(runner));
  }
  std::shared_ptr<KernelLibrary> library;
  STRATA_ASSIGN_OR_RETURN(library,
                          KernelLibrary::Build(Prelude(isa), sources, isa, cache_dir, /*jobs=*/2));
  const auto step = [&](const plan::Kernel& kernel) {
    return Step{reinterpret_cast<KernelEntry*>(library->Find(kernel.entry())),
                kernel.parallel_extent(), kernel.grain()};
  };
  for (GemmRunner& runner : runners) {
    runner.library_ = library;
    runner.pack_a_ = step(runner.emitted_.pack_a);
    runner.multiply_ = step(runner.emitted_.multiply);
    if (runner.emitted_.pack_b) runner.pack_b_ = step(*runner.emitted_.pack_b);
  }
  return runners;
}

void GemmRunner::Run(const void* a, const void* b, void* c, int threads) {
  if (choice_.config.pack_b_first) {
    PackB(b, threads);
    return RunPacked(a, c, threads);
  }
  void* const pack[] = {const_cast<void*>(a), packed_a_.get()};
  pack_a_(pack, threads);
  void* const multiply[] = {packed_a_.get(), const_cast<void*>(b), c};
  multiply_(multiply, threads);
}

void GemmRunner::PackB(const void* b, int threads) {
  void* const pack[] = {const_cast<void*>(b), packed_b_.get()};
  pack_b_(pack, threads);
}

void GemmRunner::RunPacked(const void* a, void* c, int threads) {
  void* const pack[] = {const_cast<void*>(a), packed_a_.get()};
  pack_a_(pack, threads);
  void* const multiply[] = {packed_a_.get(), packed_b_.get(), c};
  multiply_(multiply, threads);
}

}  // namespace strata::compiler
