#include <cmath>
#include <random>

#include "base/status_matchers.h"
#include "compiler/codegen/kernel_runner.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using graph::Shape;
using graph::ValueId;

HostTensor Random(chips::DType dtype, const std::vector<int64_t>& dims, unsigned seed) {
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

std::vector<HostTensor> RandomInputs(const Graph& graph) {
  std::vector<HostTensor> inputs;
  for (const auto& input : graph.inputs()) {
    const graph::TensorType type = graph::TypeOf(graph.values(static_cast<int>(input.value())));
    inputs.push_back(Random(type.dtype, type.dims(), static_cast<unsigned>(inputs.size()) + 1));
  }
  return inputs;
}

// The whole graph as the region of one fusion node.
Graph Fuse(const Graph& region) {
  Builder b("fused");
  std::vector<ValueId> inputs;
  for (const auto& input : region.inputs()) {
    const graph::Value& value = region.values(static_cast<int>(input.value()));
    inputs.push_back(b.Input(value.name(), graph::TypeOf(value), graph::DATA));
  }
  const std::vector<ValueId> outputs =
      b.ApplyMulti("fusion", inputs, {{"kind", Attr("test")}}, {region});
  for (size_t i = 0; i < outputs.size(); ++i)
    b.Output(outputs[i], region.outputs(static_cast<int>(i)).name());
  return *std::move(b).Build();
}

// Emitted against interpreted, as a whole and in three ranges. The tolerance is relative to the largest magnitude of the
// output: sums of f32 differ by a few roundings of their terms.
void ExpectEmittedEqualsReference(const Graph& graph, double tolerance = 2e-6) {
  STRATA_ASSERT_OK_AND_ASSIGN(const KernelRunner runner, KernelRunner::Create(graph, HostIsa()));
  const std::vector<HostTensor> inputs = RandomInputs(graph);
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<HostTensor> expected,
                              graph::Interpreter().Evaluate(graph, inputs));
  for (int parts : {1, 3}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<HostTensor> actual, runner.Run(inputs, parts));
    for (size_t o = 0; o < expected.size(); ++o) {
      const std::vector<double> want = expected[o].ToDoubles(), got = actual[o].ToDoubles();
      ASSERT_EQ(want.size(), got.size());
      double scale = 1e-30;
      for (double value : want) scale = std::max(scale, std::isfinite(value) ? std::abs(value) : 0);
      for (size_t i = 0; i < want.size(); ++i) {
        if (want[i] == got[i] || (std::isnan(want[i]) && std::isnan(got[i]))) continue;
        ASSERT_NEAR(want[i], got[i], tolerance * scale)
            << "output " << o << " element " << i << " parts " << parts << "\n"
            << runner.kernel(0).kernel.loop_nest() << runner.kernel(0).kernel.source();
      }
    }
  }
}

// The composite, decomposed.
Graph Decomposed(const std::string& op, const std::vector<Shape>& shapes,
                 const graph::Attributes& attributes) {
  Builder b("region");
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    inputs.push_back(b.Input(absl::StrCat("x", i), {chips::F32, shapes[i]}, graph::DATA));
  }
  graph::Node node;
  node.set_op(op);
  graph::SetAttributes(attributes, &node);
  graph::OpCall call{&node, {}, {}};
  for (size_t i = 0; i < shapes.size(); ++i) call.inputs.push_back(b.type(inputs[i]));
  const graph::OpDef& def = **graph::OpRegistry::Get().Lookup(op);
  call.outputs = *graph::InferTypes(def, call);
  const std::vector<ValueId> outputs = *def.decompose(b, call, inputs);
  for (size_t i = 0; i < outputs.size(); ++i) b.Output(outputs[i], absl::StrCat("y", i));
  return *std::move(b).Build();
}

class SizesTest : public testing::TestWithParam<int64_t> {};

TEST_P(SizesTest, Softmax) {
  ExpectEmittedEqualsReference(Fuse(Decomposed("softmax", {{5, GetParam()}}, {})));
}

TEST_P(SizesTest, LayerNorm) {
  const int64_t c = GetParam();
  ExpectEmittedEqualsReference(
      Fuse(Decomposed("layer_norm", {{2, 3, c}, {c}, {c}}, {{"epsilon", Attr(1e-5)}})), 1e-5);
}

TEST_P(SizesTest, Gelu) {
  ExpectEmittedEqualsReference(
      Fuse(Decomposed("gelu", {{3, GetParam()}}, {{"approximate", Attr(true)}})));
  ExpectEmittedEqualsReference(
      Fuse(Decomposed("gelu", {{3, GetParam()}}, {{"approximate", Attr(false)}})));
}

INSTANTIATE_TEST_SUITE_P(Sweep, SizesTest, testing::Values(0, 1, 2, 15, 16, 17, 33, 100, 768));

}  // namespace
}  // namespace strata::compiler
