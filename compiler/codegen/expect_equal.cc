#include "compiler/codegen/expect_equal.h"

#include <cmath>
#include <random>

#include "base/status_matchers.h"
#include "compiler/codegen/kernel_runner.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/types.h"

namespace strata::compiler {

using graph::Graph;
using graph::HostTensor;

HostTensor RandomTensor(chips::DType dtype, const std::vector<int64_t>& dims, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform(-2, 2);
  int64_t n = 1;
  for (int64_t dim : dims) n *= dim;
  std::vector<double> values(static_cast<size_t>(n));
  for (double& value : values) {
    value = uniform(generator);
    if (dtype == chips::I32) value = std::round(10 * value);
    if (dtype == chips::BOOL) value = value > 0;
  }
  return HostTensor::FromDoubles(dtype, dims, values);
}

std::vector<HostTensor> RandomInputs(const Graph& graph, unsigned seed) {
  std::vector<HostTensor> inputs;
  for (const auto& input : graph.inputs()) {
    const graph::TensorType type = graph::TypeOf(graph.values(static_cast<int>(input.value())));
    inputs.push_back(
        RandomTensor(type.dtype, type.dims(), seed + static_cast<unsigned>(inputs.size())));
  }
  return inputs;
}

void ExpectEmittedEquals(const Graph& graph, const Graph& reference, const ExpectOptions& options) {
  STRATA_ASSERT_OK_AND_ASSIGN(const KernelRunner runner,
                              KernelRunner::Create(graph, options.isa, options.allow_host));
  const std::vector<HostTensor> inputs = RandomInputs(graph);
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<HostTensor> expected,
                              graph::Interpreter().Evaluate(reference, inputs));
  for (int parts : {1, 3}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<HostTensor> actual, runner.Run(inputs, parts));
    for (size_t o = 0; o < expected.size(); ++o) {
      const std::vector<double> want = expected[o].ToDoubles(), got = actual[o].ToDoubles();
      ASSERT_EQ(want.size(), got.size());
      double scale = 1e-30;
      for (double value : want) scale = std::max(scale, std::isfinite(value) ? std::abs(value) : 0);
      for (size_t i = 0; i < want.size(); ++i) {
        if (want[i] == got[i] || (std::isnan(want[i]) && std::isnan(got[i]))) continue;
        ASSERT_NEAR(want[i], got[i], options.tolerance * scale)
            << "output '" << graph.outputs(static_cast<int>(o)).name() << "' element " << i
            << " in " << parts << " ranges, isa " << options.isa;
      }
    }
  }
}

void ExpectEmittedEqualsReference(const Graph& graph, const ExpectOptions& options) {
  ExpectEmittedEquals(graph, graph, options);
}

}  // namespace strata::compiler
