#include "compiler/gemm/reference.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/gemm/emit.h"
#include "framework/graph/attributes.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using graph::ValueId;

// relu(a b) + a row, with the product as a result too.
Graph Region(const GemmProblem& p) {
  Builder b("product");
  const auto operand = [&](const char* name, bool turned, int64_t rows, int64_t columns) {
    const graph::Shape shape = turned ? graph::Shape{columns, rows} : graph::Shape{rows, columns};
    return b.Input(name, {p.dtype, shape}, graph::DATA);
  };
  const ValueId bias = b.Input("bias", {chips::F32, {p.N}}, graph::DATA);
  const ValueId w = operand("w", p.transpose_b, p.K, p.N),
                x = operand("x", p.transpose_a, p.M, p.K);
  const ValueId c = b.Apply("matmul", {x, w},
                            {{"output_dtype", Attr(chips::F32)},
                             {"transpose_a", Attr(p.transpose_a)},
                             {"transpose_b", Attr(p.transpose_b)}});
  b.Output(b.Apply("add", {b.Apply("relu", {c}), bias}), "y");
  b.Output(c, "c");
  return *std::move(b).Build();
}

HostTensor Numbers(const graph::TensorType& type) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < type.elements(); ++i)
    numbers.push_back(static_cast<double>(i * 37 % 64 - 32) / 16);
  return HostTensor::FromDoubles(type.dtype, type.dims(), numbers);
}

TEST(GemmReferenceTest, PackingAndMultiplyingGiveTheProduct) {
  for (int variant = 0; variant < 32; ++variant) {
    SCOPED_TRACE(variant);
    GemmProblem p{.M = 9, .N = 37, .K = 7};
    if (variant % 2 == 1) p = {.M = 1, .N = 1, .K = 1};
    p.transpose_a = variant / 2 % 2 == 1;
    p.transpose_b = variant / 4 % 2 == 1;
    if (variant / 8 % 2 == 1) p.dtype = chips::BF16;
    const GemmConfig config{
        .rows = 4, .vectors = 2, .depth = 8, .panels = 1, .pack_b_first = variant / 16 == 1};
    const Graph region = Region(p);  // inputs: bias, w, x
    std::vector<HostTensor> inputs;
    for (const graph::Input& input : region.inputs())
      inputs.push_back(Numbers(graph::TypeOf(region.values(static_cast<int>(input.value())))));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(region, inputs));

    STRATA_ASSERT_OK_AND_ASSIGN(const Graph pack_a, PackAReference(p, config));
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph pack_b, PackBReference(p, config));
    STRATA_ASSERT_OK_AND_ASSIGN(
        const Graph multiply,
        MultiplyReference(p, config, region, {.a = 2, .b = 1, .inputs = {0}, .outputs = {1, 0}}));
    const auto run = [](const Graph& graph, const std::vector<HostTensor>& in) {
      auto out = graph::Interpreter().Evaluate(graph, in);
      EXPECT_OK(out.status());
      return *std::move(out);
    };
    const HostTensor packed_a = std::move(run(pack_a, {inputs[2]})[0]);
    const int64_t words = p.dtype == chips::BF16 ? 2 : 1;
    EXPECT_EQ(packed_a.elements(), words * PackedA(p, config).elements());
    const HostTensor b = config.pack_b_first ? std::move(run(pack_b, {inputs[1]})[0]) : inputs[1];
    const auto got = run(multiply, {packed_a, b, inputs[0]});
    EXPECT_EQ(got[0].ToDoubles(), want[1].ToDoubles());
    EXPECT_EQ(got[1].ToDoubles(), want[0].ToDoubles());
  }
}

}  // namespace
}  // namespace strata::compiler
