// Reductions of graphs with planted faults: what is left is the fault and no more, and always a valid graph.
#include "compiler/tools/reducer.h"

#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/tools/graph_edit.h"
#include "framework/graph/builder.h"
#include "framework/graph/text.h"
#include "framework/graph/verifier.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::Node;
using graph::ValueId;
using ::testing::HasSubstr;

Graph Parse(const std::string& text) {
  auto graph = graph::ParseGraph(text, "test");
  EXPECT_OK(graph.status());
  return graph.ok() ? *graph : Graph();
}

// Counts that every candidate is valid.
ShowsFault Checked(std::function<bool(const Graph&)> fails, int* checks = nullptr) {
  return [fails, checks](const Graph& graph) -> absl::StatusOr<bool> {
    EXPECT_OK(graph::Verify(graph));
    if (checks != nullptr) ++*checks;
    return fails(graph);
  };
}

std::string Reduced(const Graph& graph, const std::function<bool(const Graph&)>& fails) {
  const auto reduction = Reduce(graph, Checked(fails), {});
  EXPECT_OK(reduction.status());
  return reduction.ok() ? graph::PrintGraph(reduction->graph) : "";
}

const Node* Maker(const Graph& graph, uint32_t value) {
  for (const Node& node : graph.nodes()) {
    for (uint32_t id : node.outputs()) {
      if (id == value) return &node;
    }
  }
  return nullptr;
}

// "A mul of an exp of something wider than 3 is compiled wrongly."
bool MulOfExp(const Graph& graph) {
  for (const Node& node : graph.nodes()) {
    if (node.op() != "mul") continue;
    for (uint32_t id : node.inputs()) {
      const Node* maker = Maker(graph, id);
      const auto& dims = graph.values(static_cast<int>(id)).dims();
      if (maker != nullptr && maker->op() == "exp" && dims.size() > 0 &&
          dims[dims.size() - 1].size() > 3)
        return true;
    }
  }
  return false;
}

// A graph of `nodes` nodes with the fault in its middle.
Graph Planted(int nodes) {
  Builder b("planted");
  std::mt19937 random(3);
  std::vector<ValueId> values;
  for (int i = 0; i < 4; ++i)
    values.push_back(b.Input(absl::StrCat("x", i), {chips::F32, {24, 40}}, graph::DATA));
  const ValueId state = b.Input("state", {chips::F32, {24, 40}}, graph::STATE);
  const auto pick = [&] { return values[random() % values.size()]; };
  const std::vector<std::string> unary = {"neg", "tanh", "abs"}, binary = {"add", "sub", "max"};
  while (b.graph().nodes_size() < nodes - 1) {
    if (b.graph().nodes_size() == nodes / 2) {
      const ValueId e = b.Apply("exp", {values.back()});
      values.push_back(b.Apply("mul", {pick(), e}));
      b.Output(values.back(), "planted");
    }
    values.push_back(random() % 2 == 0 ? b.Apply(unary[random() % 3], {pick()})
                                       : b.Apply(binary[random() % 3], {values.back(), pick()}));
  }
  for (size_t i = 5; i < values.size(); i += 3) b.Output(values[i], absl::StrCat("y", i));
  b.Update(state, b.Apply("add", {state, values.back()}));
  auto graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *graph;
}

TEST(ReducerTest, FortyNodesBecomeTwo) {
  const Graph graph = Planted(40);
  EXPECT_EQ(graph.nodes_size(), 40);
  int checks = 0;
  STRATA_ASSERT_OK_AND_ASSIGN(const ReducedGraph reduction,
                              Reduce(graph, Checked(MulOfExp, &checks), {}));
  EXPECT_TRUE(reduction.complete);
  EXPECT_EQ(reduction.checks, checks);
  EXPECT_LT(checks, 200);
  ASSERT_EQ(reduction.graph.nodes_size(), 2) << graph::PrintGraph(reduction.graph);
  EXPECT_EQ(reduction.graph.nodes(0).op(), "exp");
  EXPECT_EQ(reduction.graph.nodes(1).op(), "mul");
  EXPECT_EQ(reduction.graph.outputs_size(), 1);
  EXPECT_EQ(reduction.graph.updates_size(), 0);
  for (const auto& value : reduction.graph.values()) {
    ASSERT_EQ(value.dims_size(), 2);
    EXPECT_EQ(value.dims(0).size(), 1);
    EXPECT_LE(value.dims(1).size(), 5);  // 40 -> 20 -> 10 -> 5: halves; 4 is 5 - 1
  }
}

TEST(ReducerTest, TheSameAgain) {
  EXPECT_EQ(Reduced(Planted(40), MulOfExp), Reduced(Planted(40), MulOfExp));
}

TEST(ReducerTest, UpdatesStayWhenTheyMatter) {
  const auto fails = [](const Graph& g) { return g.updates_size() > 0; };
  STRATA_ASSERT_OK_AND_ASSIGN(const ReducedGraph reduction,
                              Reduce(Planted(12), Checked(fails), {}));
  EXPECT_EQ(reduction.graph.nodes_size(), 0) << graph::PrintGraph(reduction.graph);
  EXPECT_EQ(reduction.graph.updates_size(), 1);
  EXPECT_EQ(reduction.graph.outputs_size(), 1);
}

constexpr char kFused[] = R"(graph "g" {
  %x: f32[8, 16] = input data
  %y: f32[8, 16] = input data
  %f: f32[8, 16], %h: f32[8, 16] = fusion(%x, %y) {kind = "loop"} graph "body" {
    %a: f32[8, 16] = input data
    %b: f32[8, 16] = input data
    %c: f32[8, 16] = neg(%a)
    %d: f32[8, 16] = mul(%c, %b)
    %e: f32[8, 16] = tanh(%d)
    %i: f32[8, 16] = exp(%b)
    return %e as "e" replicated
    return %i as "i" replicated
  }
  %z: f32[8, 16] = add(%f, %h)
  return %z as "z" sharded
}
)";

Graph Fused() { return Parse(kFused); }

bool HasOp(const Graph& graph, const std::string& op) {
  for (const Node& node : graph.nodes()) {
    if (node.op() == op) return true;
    for (const Graph& region : node.regions()) {
      if (HasOp(region, op)) return true;
    }
  }
  return false;
}

TEST(ReducerTest, RegionsAreInlinedWhereTheyDoNotMatter) {
  EXPECT_EQ(Reduced(Fused(), [](const Graph& g) { return HasOp(g, "mul"); }),
            "graph \"g\" {\n"
            "  %y: f32[1, 1] = input data\n"
            "  %c: f32[1, 1] = input data\n"
            "  %d: f32[1, 1] = mul(%c, %y)\n"
            "  return %d as \"z\" sharded\n"
            "}\n");
}

TEST(ReducerTest, RegionsAreReducedInPlaceWhereTheyMatter) {
  const auto fails = [](const Graph& g) { return HasOp(g, "fusion") && HasOp(g, "mul"); };
  const auto reduction = Reduce(Fused(), Checked(fails), {});
  ASSERT_OK(reduction.status());
  const Graph& graph = reduction->graph;
  ASSERT_EQ(graph.nodes_size(), 1) << graph::PrintGraph(graph);
  ASSERT_EQ(graph.nodes(0).regions(0).nodes_size(), 1) << graph::PrintGraph(graph);
  EXPECT_EQ(graph.nodes(0).regions(0).nodes(0).op(), "mul");
  EXPECT_EQ(graph.nodes(0).outputs_size(), 1);
}

TEST(ReducerTest, ReshapesSlicesAndProductsOfSizesShrink) {
  const Graph graph = Parse(R"(graph "g" {
  %x: f32[12, 40] = input data
  %r: f32[480] = reshape(%x) {dims = dims[480]}
  %t: f32[40, 12] = reshape(%r) {dims = dims[40, 12]}
  %s: f32[30, 12] = slice(%t) {axis = 0, limit = 35, start = 5}
  return %s as "s" sharded
}
)");
  const std::string text =
      Reduced(graph, [](const Graph& g) { return HasOp(g, "slice") && HasOp(g, "reshape"); });
  EXPECT_THAT(text, HasSubstr("slice"));
  EXPECT_THAT(text, testing::Not(HasSubstr("40")));
  EXPECT_THAT(text, testing::Not(HasSubstr("12")));
}

TEST(ReducerTest, LimitsEndItEarly) {
  ReduceOptions options;
  options.max_checks = 5;
  int last = 0;
  options.progress = [&](int nodes, int) { last = nodes; };
  STRATA_ASSERT_OK_AND_ASSIGN(const ReducedGraph reduction,
                              Reduce(Planted(40), Checked(MulOfExp), options));
  EXPECT_FALSE(reduction.complete);
  EXPECT_LE(reduction.checks, 5);
  EXPECT_TRUE(MulOfExp(reduction.graph));
  EXPECT_EQ(last, reduction.graph.nodes_size());
}

TEST(ReducerTest, Errors) {
  EXPECT_THAT(Reduce(Planted(10), Checked([](const Graph&) { return false; }), {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("finds no fault")));
  EXPECT_THAT(Reduce(Graph(), Checked(MulOfExp), {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("version")));
  int calls = 0;
  const auto breaks = [&](const Graph&) -> absl::StatusOr<bool> {
    if (++calls < 3) return true;
    return absl::UnavailableError("no disk");
  };
  EXPECT_THAT(Reduce(Planted(20), breaks, {}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no disk")));
}

// ---- single edits

TEST(GraphEditTest, CutsBecomeInputs) {
  const Graph graph = Parse(R"(graph "g" {
  %x: f32[4] = input data
  %a: f32[4] = neg(%x)
  %b: f32[4] = exp(%a)
  return %b as "b" sharded
}
)");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph cut, CutNodes(graph, {0, 1}));
  EXPECT_EQ(graph::PrintGraph(cut),
            "graph \"g\" {\n  %a: f32[4] = input data\n  %b: f32[4] = exp(%a)\n  return %b as "
            "\"b\" sharded\n}\n");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph bypassed, BypassNode(graph, 0, 0, 0));
  EXPECT_EQ(bypassed.nodes_size(), 1);
}

TEST(GraphEditTest, WhatDoesNotFitIsRefused) {
  const Graph graph = Parse(R"(graph "g" {
  %x: f32[4, 6] = input data
  %w: f32[6, 5] = input data
  %a: f32[4, 5] = matmul(%x, %w)
  return %a as "a" sharded
}
)");
  EXPECT_THAT(BypassNode(graph, 0, 0, 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("f32[4, 5]")));
  EXPECT_FALSE(ResizeInput(graph, 0, 1, 1).ok());
  EXPECT_OK(ResizeInput(graph, 0, 0, 1).status());
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph small,
                              ResizeDims(graph, [](int64_t d) { return d == 6 ? 2 : d; }));
  EXPECT_THAT(graph::PrintGraph(small), HasSubstr("%w: f32[2, 5]"));
  EXPECT_FALSE(InlineRegion(graph, 0).ok());
}

}  // namespace
}  // namespace strata::compiler
