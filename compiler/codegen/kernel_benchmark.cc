// Emitted kernels on one thread, operands in the cache: bazel run -c opt //compiler/codegen:kernel_benchmark
#include "benchmark/benchmark.h"
#include "compiler/codegen/expect_equal.h"
#include "compiler/codegen/kernel_runner.h"
#include "compiler/codegen/test_graphs.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

constexpr int64_t kRows = 64;

void Run(benchmark::State& state, const graph::Graph& region) {
  const graph::Graph graph = testing_graphs::Fused(region);
  absl::StatusOr<KernelRunner> runner = KernelRunner::Create(graph, HostIsa());
  if (!runner.ok()) return state.SkipWithError(runner.status().ToString().c_str());
  std::vector<graph::HostTensor> tensors = RandomInputs(graph);
  for (uint32_t id : graph.nodes(0).outputs()) {
    const graph::TensorType type = graph::TypeOf(graph.values(static_cast<int>(id)));
    tensors.push_back(graph::HostTensor::Allocate(type.dtype, type.dims()));
  }
  std::vector<void*> buffers;
  int64_t bytes = 0;
  for (const graph::HostTensor& tensor : tensors) {
    buffers.push_back(tensor.raw());
    bytes += static_cast<int64_t>(tensor.size_bytes());
  }
  const int64_t extent = runner->kernel(0).kernel.parallel_extent();
  for (auto _ : state) {
    runner->entry(0)(buffers.data(), 0, extent);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * bytes);
}

void LayerNorm768(benchmark::State& state) { Run(state, testing_graphs::LayerNorm(kRows, 768)); }
void BiasGelu768(benchmark::State& state) {
  Run(state, testing_graphs::BiasGelu(kRows, 768, true));
}
void BiasGeluExact768(benchmark::State& state) {
  Run(state, testing_graphs::BiasGelu(kRows, 768, false));
}
void Softmax1024(benchmark::State& state) { Run(state, testing_graphs::Softmax(kRows, 1024)); }
void ColumnSums768(benchmark::State& state) { Run(state, testing_graphs::ColumnSums(kRows, 768)); }

BENCHMARK(LayerNorm768);
BENCHMARK(BiasGelu768);
BENCHMARK(BiasGeluExact768);
BENCHMARK(Softmax1024);
BENCHMARK(ColumnSums768);

}  // namespace
}  // namespace strata::compiler

BENCHMARK_MAIN();
