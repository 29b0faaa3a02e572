// Benchmark: multiply-adds a second of matrix products computed as a chip computes them.
//
//   bazel run -c opt //chips/numerics:matmul_as_bench
//
// items_per_second are multiply-adds, of all OpenMP threads together. "dot" is the definition, one thread.
#include <cmath>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "chips/numerics/matmul_as.h"

namespace strata::chips {
namespace {

std::vector<float> Values(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(std::sin(static_cast<double>(i)));
  }
  return values;
}

void BM_Matmul(benchmark::State& state, const DotRule& rule) {
  const MatmulShape shape{256, 256, 1024};
  const std::vector<float> a = Values(shape.m * shape.k), b = Values(shape.k * shape.n);
  std::vector<float> d(static_cast<size_t>(shape.m * shape.n));
  for (auto _ : state) {
    if (!MatmulAs(rule, shape, a, b, {}, absl::MakeSpan(d)).ok()) state.SkipWithError("refused");
    benchmark::DoNotOptimize(d.data());
  }
  state.SetItemsProcessed(state.iterations() * shape.m * shape.n * shape.k);
}

void BM_Dot(benchmark::State& state, const DotRule& rule) {
  std::vector<uint32_t> codes;
  for (const float value : Values(1024)) codes.push_back(Encode(rule.operand, value));
  for (auto _ : state) benchmark::DoNotOptimize(TensorCoreDot(rule, codes, codes, 0));
  state.SetItemsProcessed(state.iterations() * 1024);
}

void Register() {
  for (const DotRule& rule : AllDotRules()) {
    if (rule.result != Format::kF32 || rule.instruction != Instruction::kNative) continue;
    const std::string name = DescribeDotRule(rule);
    benchmark::RegisterBenchmark(("matmul: " + name).c_str(), BM_Matmul, rule)->UseRealTime();
    benchmark::RegisterBenchmark(("dot: " + name).c_str(), BM_Dot, rule);
  }
}

}  // namespace
}  // namespace strata::chips

int main(int argc, char** argv) {
  strata::chips::Register();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
