#include "compiler/driver/padding.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using graph::Shape;
using graph::ValueId;
using ::testing::HasSubstr;

constexpr absl::StatusCode kRefused = absl::StatusCode::kFailedPrecondition;

Shape WithSymbol(Shape shape, int64_t size) {
  for (graph::Size& s : shape) {
    if (!s.is_symbol() && s.size() == size) s = "N";
  }
  return shape;
}

// The concrete graph with the symbol N wherever a dim is `size`; nothing when its ops do not take a symbol there.
std::optional<Graph> Symbolise(const Graph& concrete, int64_t size) {
  Builder b("symbolised");
  std::map<uint32_t, ValueId> ids;
  for (const graph::Input& input : concrete.inputs()) {
    const graph::Value& value = concrete.values(static_cast<int>(input.value()));
    graph::TensorType type = TypeOf(value);
    type.shape = WithSymbol(type.shape, size);
    ids[input.value()] = b.Input(value.name(), type, input.kind());
  }
  for (const graph::Node& node : concrete.nodes()) {
    graph::Attributes attributes = graph::GetAttributes(node);
    for (auto& [name, attribute] : attributes) {
      if (attribute.has_dims())
        attribute = Attr(WithSymbol(graph::AttributeReader(node).Dims(name), size));
    }
    std::vector<ValueId> inputs;
    for (uint32_t id : node.inputs()) inputs.push_back(ids[id]);
    const std::vector<ValueId> outputs =
        b.ApplyMulti(node.op(), inputs, attributes, {node.regions().begin(), node.regions().end()});
    if (!b.status().ok()) return std::nullopt;
    for (int o = 0; o < node.outputs_size(); ++o)
      ids[node.outputs(o)] = outputs[static_cast<size_t>(o)];
  }
  for (const graph::Output& output : concrete.outputs())
    b.Output(ids[output.value()], output.name());
  auto graph = std::move(b).Build();
  if (!graph.ok()) return std::nullopt;
  return *std::move(graph);
}

std::vector<int64_t> BoundDims(const graph::Value& value, int64_t n) {
  std::vector<int64_t> dims;
  for (const graph::Size& size : TypeOf(value).shape)
    dims.push_back(size.is_symbol() ? n : size.size());
  return dims;
}

// The run with N = `more`, of padded inputs, cut back to N = `size`.
absl::StatusOr<std::vector<HostTensor>> PaddedRun(const Graph& graph, int64_t size, int64_t more,
                                                  const std::vector<HostTensor>& inputs) {
  STRATA_ASSIGN_OR_RETURN(const Graph bound, graph::BindSymbols(graph, {{"N", more}}));
  std::vector<HostTensor> padded;
  for (int i = 0; i < graph.inputs_size(); ++i) {
    const auto& value = graph.values(static_cast<int>(graph.inputs(i).value()));
    padded.push_back(PadTo(inputs[static_cast<size_t>(i)].Clone(), BoundDims(value, more)));
  }
  STRATA_ASSIGN_OR_RETURN(std::vector<HostTensor> outputs,
                          graph::Interpreter().Evaluate(bound, padded));
  for (int o = 0; o < graph.outputs_size(); ++o) {
    const auto& value = graph.values(static_cast<int>(graph.outputs(o).value()));
    HostTensor& output = outputs[static_cast<size_t>(o)];
    output = FrontOf(output, BoundDims(value, size));
  }
  return outputs;
}

// Every op in every role of a symbol that its schema allows: what is called paddable gives the same results.
TEST(CheckPaddableTest, WhatItProvesHoldsForEveryOpCase) {
  std::map<std::string, int> proven;
  for (const graph::OpCase& c : graph::AllOpCases(chips::F32)) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto sizes, graph::MatchInputs(c.graph, c.inputs));
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph concrete, graph::BindSymbols(c.graph, sizes));
    std::set<int64_t> extents;
    for (const HostTensor& input : c.inputs)
      extents.insert(input.dims().begin(), input.dims().end());
    extents.erase(0);
    for (int64_t size : extents) {
      const std::optional<Graph> graph = Symbolise(concrete, size);
      if (!graph.has_value() || !CheckPaddable(*graph, "N").ok()) continue;
      SCOPED_TRACE(absl::StrCat(c.name, " with N = ", size));
      for (const graph::Node& node : graph->nodes()) ++proven[node.op()];
      auto want = graph::Interpreter().Evaluate(concrete, c.inputs);
      auto got = PaddedRun(*graph, size, size + 3, c.inputs);
      ASSERT_OK(want.status());
      ASSERT_OK(got.status());
      for (size_t o = 0; o < want->size(); ++o)
        EXPECT_EQ(graph::CompareTensors((*got)[o], (*want)[o], c.tolerance), "");
    }
  }
  // Each of these has at least one role that pads.
  for (const char* op : {"add",
                         "attention",
                         "attention_gradient",
                         "broadcast_to",
                         "cache_update",
                         "cache_write",
                         "cache_write_q8",
                         "cast",
                         "concat",
                         "contract_leading",
                         "conv2d",
                         "conv2d_gradient_input",
                         "conv2d_gradient_weight",
                         "cross_entropy",
                         "cross_entropy_gradient",
                         "embedding",
                         "embedding_gradient",
                         "embedding_packed",
                         "exp",
                         "gelu",
                         "grouped_contract",
                         "grouped_matmul",
                         "layer_norm",
                         "matmul",
                         "matmul_experts",
                         "matmul_packed",
                         "matmul_packed_group",
                         "max_pool2d",
                         "max_pool2d_gradient",
                         "moe_combine",
                         "moe_dispatch",
                         "moe_slots",
                         "moe_sort",
                         "moe_weight_gradient",
                         "pad",
                         "paged_attention",
                         "reduce_max",
                         "reduce_mean",
                         "reduce_sum",
                         "requantize",
                         "reshape",
                         "rms_norm",
                         "rope",
                         "select",
                         "silu",
                         "slice",
                         "softmax",
                         "sum_to",
                         "top_k",
                         "transpose"}) {
    EXPECT_GT(proven[op], 0) << op;
  }
}

// One op on inputs of the given shapes; ids and starts are i32.
absl::Status Check(const std::string& op, const std::vector<graph::TensorType>& types,
                   const graph::Attributes& attributes = {}, const std::string& symbol = "N") {
  Builder b("one");
  std::vector<ValueId> inputs;
  for (const graph::TensorType& type : types)
    inputs.push_back(b.Input(absl::StrCat("x", inputs.size()), type, graph::DATA));
  for (ValueId y : b.ApplyMulti(op, inputs, attributes)) b.Output(y, absl::StrCat("y", y));
  auto graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return graph.ok() ? CheckPaddable(*graph, symbol) : graph.status();
}

TEST(CheckPaddableTest, SumsOverTheSymbolAreRefusedByName) {
  const auto axes = [](int64_t axis) {
    return graph::Attributes{{"axes", Attr(std::vector<int64_t>{axis})},
                             {"keep_dims", Attr(false)}};
  };
  EXPECT_OK(Check("reduce_sum", {{chips::F32, {"N", 4}}}, axes(1)));
  EXPECT_THAT(Check("reduce_sum", {{chips::F32, {"N", 4}}}, axes(0)),
              StatusIs(kRefused, HasSubstr("nodes[0] (reduce_sum, ")));
  EXPECT_THAT(Check("reduce_mean", {{chips::F32, {4, "N"}}}, axes(-1)),
              StatusIs(kRefused, HasSubstr("sums over axis 1 of f32[4, N]")));
  EXPECT_THAT(Check("softmax", {{chips::F32, {4, "N"}}}),
              StatusIs(kRefused, HasSubstr("sums over axis 1 of f32[4, N]")));
  EXPECT_THAT(Check("matmul", {{chips::F32, {4, "N"}}, {chips::F32, {"N", 3}}}),
              StatusIs(kRefused, HasSubstr("sums over axis 1")));
  EXPECT_THAT(Check("contract_leading", {{chips::F32, {"N", 4}}, {chips::F32, {"N", 3}}}),
              StatusIs(kRefused, HasSubstr("sums over axis 0")));
  EXPECT_THAT(Check("sum_to", {{chips::F32, {"N", 4}}}, {{"dims", Attr(Shape{4})}}),
              StatusIs(kRefused, HasSubstr("sums over axis 0")));
  EXPECT_OK(Check("sum_to", {{chips::F32, {4, "N"}}}, {{"dims", Attr(Shape{"N"})}}));
}

TEST(CheckPaddableTest, AReshapeMustWorkWithinTheRows) {
  EXPECT_OK(Check("reshape", {{chips::F32, {"N", 6}}}, {{"dims", Attr(Shape{"N", 2, 3})}}));
  EXPECT_OK(Check("reshape", {{chips::F32, {2, 3, "N"}}}, {{"dims", Attr(Shape{6, "N"})}}));
  EXPECT_THAT(Check("reshape", {{chips::F32, {"N", 6}}}, {{"dims", Attr(Shape{6, "N"})}}),
              StatusIs(kRefused, HasSubstr("mixes the axis N")));
}

TEST(CheckPaddableTest, SequencesOfCausalAttentionPadAtTheirEnd) {
  const auto attention = [&](Shape q, Shape k, bool causal, bool start) {
    std::vector<graph::TensorType> types = {{chips::F32, q}, {chips::F32, k}, {chips::F32, k}};
    if (start) types.push_back({chips::I32, {q[0]}});
    return Check("attention", types, {{"causal", Attr(causal)}, {"scale", Attr(1.0)}});
  };
  EXPECT_OK(attention({"N", 4, 2, 8}, {"N", 4, 2, 8}, false, false));  // batch
  EXPECT_OK(attention({2, "N", 2, 8}, {2, "N", 2, 8}, true, false));
  EXPECT_OK(attention({2, "N", 2, 8}, {2, 9, 2, 8}, false, false));
  EXPECT_OK(attention({2, "N", 2, 8}, {2, 9, 2, 8}, true, true));
  EXPECT_THAT(attention({2, "N", 2, 8}, {2, "N", 2, 8}, false, false),
              StatusIs(kRefused, HasSubstr("sums over axis 1")));
  EXPECT_THAT(attention({2, "N", 2, 8}, {2, "N", 2, 8}, true, true),
              StatusIs(kRefused, HasSubstr("sums over axis 1")));
  EXPECT_THAT(attention({2, 4, 2, 8}, {2, "N", 2, 8}, true, false),
              StatusIs(kRefused, HasSubstr("sums over axis 1")));
  EXPECT_THAT(attention({2, "N", 2, 8}, {2, 9, 2, 8}, true, false),
              StatusIs(kRefused, HasSubstr("shift the mask")));
}

// Learned positions: the ids of padded tokens would run out of the table.
TEST(CheckPaddableTest, IndicesMustStayInTheirDomain) {
  Builder b("positions");
  const ValueId table = b.Input("table", {chips::F32, {12, 4}}, graph::PARAMETER);
  const ValueId x = b.Input("x", {chips::F32, {"N", 4}}, graph::DATA);
  const ValueId ids = b.Apply(
      "iota", {}, {{"dtype", Attr(chips::I32)}, {"dims", Attr(Shape{"N"})}, {"axis", Attr(0)}});
  b.Output(b.Apply("add", {x, b.Apply("embedding", {table, ids})}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  EXPECT_THAT(CheckPaddable(graph, "N"),
              StatusIs(kRefused, HasSubstr("ids: padded rows could be outside of their domain")));
  EXPECT_OK(Check("embedding", {{chips::F32, {12, 4}}, {chips::I32, {"N", 3}}}));
  EXPECT_THAT(Check("embedding", {{chips::F32, {"N", 4}}, {chips::I32, {3}}}),
              StatusIs(kRefused, HasSubstr("rows of the real table")));
}

TEST(CheckPaddableTest, WhatIsUpdatedInPlaceStaysAsItIs) {
  Builder b("state");
  const ValueId s = b.Input("s", {chips::F32, {"N", 4}}, graph::STATE);
  b.Update(s, b.Apply("neg", {s}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  EXPECT_THAT(CheckPaddable(graph, "N"),
              StatusIs(kRefused, HasSubstr("input 's' is updated in place and has the dim N")));
  EXPECT_OK(CheckPaddable(graph, "M"));
}

TEST(CheckPaddableTest, UnknownOpsAreRefused) {
  EXPECT_THAT(Check("all_reduce", {{chips::F32, {"N"}}}, {{"reduction", Attr("sum")}}),
              StatusIs(kRefused, HasSubstr("is not known to keep rows apart")));
}

TEST(PadToTest, RepeatsTheLastSlicesAndFrontOfTakesThemAway) {
  const HostTensor x = HostTensor::FromVector<float>({2, 2}, {1, 2, 3, 4});
  const HostTensor more = PadTo(x, {3, 4});
  EXPECT_EQ(more.ToDoubles(), (std::vector<double>{1, 2, 2, 2, 3, 4, 4, 4, 3, 4, 4, 4}));
  EXPECT_EQ(FrontOf(more, {2, 2}).ToDoubles(), x.ToDoubles());
  EXPECT_EQ(PadTo(x, {2, 2}).raw(), x.raw());
  EXPECT_EQ(FrontOf(x, {0, 2}).elements(), 0);
  const HostTensor scalar = HostTensor::FromVector<int32_t>({}, {7});
  EXPECT_EQ(PadTo(scalar, {}).raw(), scalar.raw());
  const HostTensor cube = HostTensor::FromVector<int32_t>({1, 2, 1}, {5, 6});
  EXPECT_EQ(PadTo(cube, {2, 2, 2}).ToDoubles(), (std::vector<double>{5, 5, 6, 6, 5, 5, 6, 6}));
}

}  // namespace
}  // namespace strata::compiler
