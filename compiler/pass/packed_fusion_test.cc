// packed_fusion joins what reads one x, changes no bit, and leaves apart what must be.
#include <vector>

#include "base/status_matchers.h"
#include "chips/numerics/packed_rows.h"
#include "chips/numerics/weight_format.h"
#include "compiler/pass/pass.h"
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

constexpr int64_t kK = 64;

graph::TensorType WeightType(const char* format, int64_t n) {
  const chips::WeightFormat& f = **chips::FindWeightFormat(format);
  return {chips::U8, {chips::PackedGroups(n), chips::GroupBytes(f, kK)}};
}

ValueId Product(Builder& b, ValueId x, ValueId w, const char* format, int64_t n) {
  return b.Apply("matmul_packed", {x, w},
                 {{"format", Attr(format)}, {"layout", Attr("rows16")}, {"n", Attr(n)}});
}

ValueId Product(Builder& b, ValueId x, const char* format, int64_t n) {
  const ValueId w = b.Input(absl::StrCat("w", n, format), WeightType(format, n), graph::PARAMETER);
  return Product(b, x, w, format, n);
}

int Count(const Graph& graph, const std::string& op) {
  int count = 0;
  for (const graph::Node& node : graph.nodes()) count += node.op() == op;
  return count;
}

Graph Fused(const Graph& before) {
  RegisterAllPasses();
  Graph after = before;
  EXPECT_OK(RunPipeline({"packed_fusion"}, {}, &after));
  return after;
}

// Queries, keys and values; then a product of another x, and one of another format.
Graph Attention() {
  RegisterAllPasses();
  Builder b("attention");
  const ValueId x = b.Input("x", {chips::F32, {3, kK}}, graph::DATA);
  const ValueId q = Product(b, x, "q8_0", 32), k = Product(b, x, "q8_0", 16);
  const ValueId sum = b.Apply("relu", {k});
  const ValueId v = Product(b, x, "q8_0", 17), other = Product(b, x, "q4_0", 16);
  const ValueId y = Product(b, b.Apply("relu", {x}), "q8_0", 9);
  for (ValueId value : {q, sum, v, other, y}) b.Output(value, absl::StrCat("y", value));
  absl::StatusOr<Graph> graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *std::move(graph);
}

TEST(PackedFusionTest, OneProductForOneX) {
  const Graph before = Attention(), after = Fused(before);
  EXPECT_EQ(Count(before, "matmul_packed"), 5);
  EXPECT_EQ(Count(after, "matmul_packed"), 2);
  EXPECT_EQ(Count(after, "matmul_packed_group"), 1);
}

TEST(PackedFusionTest, KeepsTheNumbers) {
  const Graph before = Attention(), after = Fused(before);
  std::vector<HostTensor> inputs;
  for (const graph::Input& input : before.inputs()) {
    const graph::TensorType type = TypeOf(before.values(static_cast<int>(input.value())));
    HostTensor tensor = HostTensor::Zeros(type.dtype, type.dims());
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      if (type.dtype == chips::F32) tensor.data<float>()[i] = static_cast<float>(i * 7 % 11) - 5;
      if (type.dtype == chips::U8) tensor.data<uint8_t>()[i] = static_cast<uint8_t>(i * 29 % 0x3c);
    }
    inputs.push_back(std::move(tensor));
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(before, inputs));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(after, inputs));
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(got[i].ToDoubles(), want[i].ToDoubles());
}

TEST(PackedFusionTest, WeightsThatAreMadeLaterStayApart) {
  RegisterAllPasses();
  Builder b("later");
  const ValueId x = b.Input("x", {chips::F32, {3, kK}}, graph::DATA);
  const ValueId q = Product(b, x, "q8_0", 32);
  const graph::TensorType type = WeightType("q8_0", 16);
  const ValueId flat =
      b.Input("w", {chips::U8, {type.shape[0].size() * type.shape[1].size()}}, graph::PARAMETER);
  const ValueId w = b.Apply("reshape", {flat}, {{"dims", Attr(type.shape)}});
  b.Output(q, "q");
  b.Output(Product(b, x, w, "q8_0", 16), "k");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph before, std::move(b).Build());
  EXPECT_EQ(Count(Fused(before), "matmul_packed_group"), 0);
}

}  // namespace
}  // namespace strata::compiler
