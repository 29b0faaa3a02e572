// Regions on the simulated vector unit against the interpreter with the machine's arithmetic, bit for bit.
#include "compiler/npu/vector_kernel.h"

#include <functional>
#include <memory>

#include "base/status_matchers.h"
#include "chips/npu/isa/array_isa.h"
#include "compiler/npu/npu_kernel_runner.h"
#include "compiler/pass/pass.h"
#include "framework/graph/builder.h"
#include "framework/graph/chip_interpreter.h"
#include "framework/graph/ops/all_ops.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using chips::BF16;
using chips::BOOL;
using chips::DType;
using chips::F32;
using chips::F8_E4M3;
using chips::F8_E5M2;
using chips::I32;
using chips::I8;
using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::Shape;
using graph::ValueId;
using ::testing::HasSubstr;

using Body = std::function<ValueId(Builder&, const std::vector<ValueId>&)>;

Graph MakeGraph(const std::vector<graph::TensorType>& types, const Body& body) {
  graph::RegisterAllOps();
  Builder b("region");
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < types.size(); ++i) {
    inputs.push_back(b.Input(absl::StrCat("x", i), types[i], graph::DATA));
  }
  b.Output(body(b, inputs), "y");
  absl::StatusOr<Graph> graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *std::move(graph);
}

// Composites become what an emitter gets to see.
Graph Primitive(Graph graph) {
  RegisterAllPasses();
  EXPECT_OK(RunPipeline({"decompose", "algebraic", "cse", "dce"}, {}, &graph));
  return graph;
}

void ExpectExactOn(const Graph& graph, const std::string& name,
                   const std::vector<graph::HostTensor>& inputs) {
  SCOPED_TRACE(absl::StrCat(name, ": ", graph.nodes(0).op()));
  const chips::npu::Machine machine = TestMachine(name);
  STRATA_ASSERT_OK_AND_ASSIGN(const NpuKernel kernel, EmitVectorKernel(graph, machine));
  STRATA_ASSERT_OK_AND_ASSIGN(const NpuRun run, RunNpuKernel(graph, kernel, machine, inputs));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto interpreter,
                              graph::ChipInterpreter::Create(name == "tiny" ? "edge_16" : name));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto expected, interpreter->Evaluate(graph, inputs));
  ASSERT_EQ(run.outputs.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(BitDifference(run.outputs[i], expected[i]), "") << kernel.loop_nest;
  }
}

void ExpectExact(const Graph& graph, const std::string& name) {
  ExpectExactOn(graph, name, RandomInputs(graph, 1));
}

void ExpectExactOnBoth(const Graph& graph) {
  for (const char* machine : {"edge_16", "tiny"}) ExpectExact(graph, machine);
}

void ExpectExactEverywhere(const Graph& graph) {
  ExpectExactOnBoth(graph);
  ExpectExact(graph, "tpu_v4_like");
}

Body Op(const std::string& op, const graph::Attributes& attributes = {}) {
  return [=](Builder& b, const std::vector<ValueId>& x) { return b.Apply(op, x, attributes); };
}

TEST(VectorKernel, BinaryOpsOfAllShapes) {
  const std::pair<Shape, Shape> shapes[] = {{{7, 33}, {7, 33}},
                                            {{7, 33}, {33}},
                                            {{7, 33}, {7, 1}},
                                            {{1}, {5, 3}},
                                            {{}, {300}},
                                            {{2, 3, 5, 7}, {5, 7}},
                                            {{2, 3, 5, 7}, {2, 1, 1, 7}},
                                            {{3, 1}, {1, 4}},
                                            {{2, 3, 5}, {3, 1}},
                                            {{1, 1}, {1, 1}}};
  for (const DType dtype : {F32, BF16, I32}) {
    for (const std::string op : {"add", "sub", "mul", "max", "min", "div", "pow"}) {
      if (dtype == I32 && (op == "div" || op == "pow")) continue;
      for (const auto& [a, b] : shapes) {
        ExpectExact(MakeGraph({{dtype, a}, {dtype, b}}, Op(op)), "edge_16");
      }
    }
  }
  ExpectExactEverywhere(MakeGraph({{F32, {3, 5, 40}}, {F32, {5, 1}}}, Op("sub")));
}

TEST(VectorKernel, ComparisonsAndSelect) {
  for (const DType dtype : {F32, BF16, I32, I8}) {
    for (const std::string op : {"less", "less_equal", "equal"}) {
      const Graph choice =
          MakeGraph({{dtype, {9, 17}}, {dtype, {17}}, {F32, {9, 1}}, {F32, {9, 17}}},
                    [&](Builder& b, const std::vector<ValueId>& x) {
                      return b.Apply("select", {b.Apply(op, {x[0], x[1]}), x[2], x[3]});
                    });
      ExpectExactOnBoth(choice);
      ExpectExact(MakeGraph({{dtype, {40}}, {dtype, {40}}}, Op(op)), "edge_16");
    }
  }
  // The condition is a column, a row, an element.
  for (const Shape& shape : {Shape{5, 1}, Shape{6}, Shape{}, Shape{5, 6}}) {
    ExpectExactOnBoth(MakeGraph({{BOOL, shape}, {F32, {5, 6}}, {F32, {6}}}, Op("select")));
  }
}

TEST(VectorKernel, UnaryOps) {
  for (const DType dtype : {F32, BF16}) {
    for (const std::string op : {"neg", "exp", "log", "sqrt", "rsqrt", "tanh", "sigmoid", "relu",
                                 "erf", "abs", "sin", "cos", "reciprocal", "square"}) {
      for (const Shape& shape : {Shape{}, Shape{3, 50}, Shape{1000}}) {
        ExpectExact(MakeGraph({{dtype, shape}}, Op(op)), "edge_16");
      }
    }
  }
}

TEST(VectorKernel, CastsBetweenAllTypes) {
  const DType types[] = {F32, BF16, I32, I8, BOOL, F8_E4M3, F8_E5M2};
  for (const DType from : types) {
    for (const DType to : types) {
      const Graph cast = MakeGraph({{from, {3, 70}}}, Op("cast", {{"dtype", Attr(to)}}));
      ExpectExact(cast, "edge_16");
      if (chips::IsFloat8(from) || chips::IsFloat8(to)) continue;
      // Read again by another op.
      const Graph back = MakeGraph({{from, {3, 70}}}, [&](Builder& b, const auto& x) {
        const ValueId y = b.Apply("cast", {x[0]}, {{"dtype", Attr(to)}});
        return b.Apply("equal", {y, y});
      });
      ExpectExact(back, "edge_16");
      const Graph chain = MakeGraph({{from, {3, 70}}}, [&](Builder& b, const auto& x) {
        const ValueId y = b.Apply("cast", {x[0]}, {{"dtype", Attr(to)}});
        return b.Apply("cast", {y}, {{"dtype", Attr(F32)}});
      });
      ExpectExact(chain, "edge_16");
    }
  }
}

TEST(VectorKernel, RowReductions) {
  for (const std::string op : {"reduce_sum", "reduce_max"}) {
    for (const DType dtype : {F32, BF16, I32}) {
      for (const Shape& shape :
           {Shape{5, 1}, Shape{1, 7}, Shape{3, 5, 16}, Shape{40, 50}, Shape{200}, Shape{2, 33}}) {
        for (const bool keep : {false, true}) {
          const std::vector<int64_t> last = {static_cast<int64_t>(shape.size()) - 1};
          const Graph graph = MakeGraph({{dtype, shape}},
                                        Op(op, {{"axes", Attr(last)}, {"keep_dims", Attr(keep)}}));
          ExpectExact(graph, "edge_16");
          if (keep) ExpectExact(graph, "tpu_v4_like");
        }
      }
    }
  }
}

TEST(VectorKernel, CompositesAsTheyAreDecomposed) {
  const graph::Attributes epsilon = {{"epsilon", Attr(1e-5)}};
  for (const DType dtype : {F32, BF16}) {
    for (const Shape& shape : {Shape{3, 17}, Shape{2, 5, 64}, Shape{70, 33}, Shape{1, 1}}) {
      const Shape width = {shape.back()};
      const auto expect = shape.size() == 3 ? ExpectExactEverywhere : ExpectExactOnBoth;
      expect(Primitive(MakeGraph({{dtype, shape}}, Op("softmax"))));
      expect(Primitive(
          MakeGraph({{dtype, shape}, {dtype, width}, {dtype, width}}, Op("layer_norm", epsilon))));
      expect(Primitive(MakeGraph({{dtype, shape}, {dtype, width}}, Op("rms_norm", epsilon))));
      for (const bool approximate : {false, true}) {
        expect(Primitive(
            MakeGraph({{dtype, shape}}, Op("gelu", {{"approximate", Attr(approximate)}}))));
      }
      expect(Primitive(MakeGraph({{dtype, shape}}, Op("silu"))));
    }
  }
}

// The mask is the same for all heads, its elements are indices; the result is a row's statistics, too.
TEST(VectorKernel, MaskedSoftmaxWithStatistics) {
  graph::RegisterAllOps();
  Builder b("masked");
  const ValueId scores = b.Input("scores", {F32, {2, 3, 9, 20}}, graph::DATA);
  const ValueId start = b.Input("start", {I32, {2, 1, 1, 1}}, graph::DATA);
  const auto iota = [&](const Shape& dims) {
    return b.Apply("iota", {},
                   {{"dtype", Attr(I32)}, {"dims", Attr(dims)}, {"axis", Attr(int64_t{0})}});
  };
  const ValueId visible =
      b.Apply("less_equal", {iota({20}), b.Apply("add", {iota({9, 1}), start})});
  const ValueId masked = b.Apply("select", {visible, scores, b.Constant(-INFINITY, F32)});
  const graph::Attributes last = {{"axes", Attr(std::vector<int64_t>{3})},
                                  {"keep_dims", Attr(false)}};
  const ValueId top = b.Apply("reduce_max", {masked}, last);
  const ValueId column = b.Apply("reshape", {top}, {{"dims", Attr(Shape{2, 3, 9, 1})}});
  const ValueId weights = b.Apply("exp", {b.Apply("sub", {masked, column})});
  const ValueId sum = b.Apply("reduce_sum", {weights}, last);
  b.Output(b.Apply("cast", {weights}, {{"dtype", Attr(BF16)}}), "weights");
  b.Output(b.Apply("add", {top, b.Apply("log", {sum})}), "lse");
  b.Output(b.Apply("broadcast_to", {column}, {{"dims", Attr(Shape{2, 3, 9, 20})}}), "tops");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  ExpectExactEverywhere(graph);
}

// A residual of a quantised network: both sides to int32, scaled, added, and back to int8.
TEST(VectorKernel, RequantisationByColumn) {
  const Graph graph =
      MakeGraph({{I8, {2, 9, 21}}, {I8, {2, 9, 21}}, {I32, {21}}, {I32, {21}}},
                [](Builder& b, const std::vector<ValueId>& x) {
                  const auto scaled = [&](ValueId value, double factor) {
                    const ValueId wide = b.Apply("cast", {value}, {{"dtype", Attr(I32)}});
                    return b.Apply("mul", {wide, b.Constant(factor, I32)});
                  };
                  const ValueId sum = b.Apply("add", {scaled(x[0], 77), scaled(x[1], -1234)});
                  return b.Apply("requantize", {sum, x[2], x[3]},
                                 {{"zero_point", Attr(int64_t{-3})},
                                  {"low", Attr(int64_t{-100})},
                                  {"high", Attr(int64_t{101})}});
                });
  std::vector<graph::HostTensor> inputs = RandomInputs(graph, 2);
  for (int32_t c = 0; c < 21; ++c) {
    inputs[2].data<int32_t>()[c] = c == 5 ? -7 : (1 << c) + c;
    inputs[3].data<int32_t>()[c] = c == 20 ? 62 : c;
  }
  for (const char* machine : {"edge_16", "tiny", "tpu_v1_like"}) {
    ExpectExactOn(graph, machine, inputs);
  }
}

TEST(VectorKernel, RequantisationAlone) {
  for (const Shape& shape : {Shape{7}, Shape{5, 17}, Shape{2, 3, 4, 5}}) {
    const Shape channels = {shape.back()};
    const Graph graph =
        MakeGraph({{I32, shape}, {I32, channels}, {I32, channels}}, Op("requantize"));
    std::vector<graph::HostTensor> inputs = RandomInputs(graph, 2);
    for (int64_t c = 0; c < channels[0].size(); ++c) {
      inputs[2].data<int32_t>()[c] = static_cast<int32_t>(c % 6);
    }
    for (const char* machine : {"edge_16", "tiny"}) ExpectExactOn(graph, machine, inputs);
  }
}

// Values that come from nowhere, as results of their own.
TEST(VectorKernel, ConstantsAndIndices) {
  for (const int64_t axis : {0, 1, 2}) {
    const graph::Attributes attributes = {{"dtype", Attr(axis == 2 ? F32 : I32)},
                                          {"dims", Attr(Shape{3, 5, 7})},
                                          {"axis", Attr(axis)}};
    ExpectExactOnBoth(MakeGraph({}, Op("iota", attributes)));
  }
  for (const DType dtype : {F32, BF16, I32, I8, BOOL}) {
    ExpectExact(MakeGraph({},
                          [&](Builder& b, const auto&) {
                            return b.Constant(1, dtype, {4, 33});
                          }),
                "edge_16");
  }
  ExpectExactOnBoth(
      MakeGraph({{BF16, {5, 1}}}, Op("broadcast_to", {{"dims", Attr(Shape{2, 5, 9})}})));
}

TEST(VectorKernel, LongRowsAreCutWhereNothingIsSummed) {
  const Graph sum = MakeGraph({{F32, {3, 40000}}, {F32, {40000}}, {F32, {3, 1}}},
                              [](Builder& b, const std::vector<ValueId>& x) {
                                return b.Apply("mul", {b.Apply("add", {x[0], x[1]}), x[2]});
                              });
  ExpectExact(sum, "edge_16");
  ExpectExact(MakeGraph({{BF16, {100001}}, {BF16, {}}}, Op("mul")), "tiny");
}

TEST(VectorKernel, LoadsWorkAndStoresOverlap) {
  const Graph graph = MakeGraph({{F32, {256, 256}}, {F32, {256, 256}}}, Op("add"));
  const chips::npu::Machine machine = TestMachine("edge_16");
  STRATA_ASSERT_OK_AND_ASSIGN(const NpuKernel kernel, EmitVectorKernel(graph, machine));
  STRATA_ASSERT_OK_AND_ASSIGN(const NpuRun run,
                              RunNpuKernel(graph, kernel, machine, RandomInputs(graph, 1)));
  const auto busy = [&](int unit) { return run.simulation.units[static_cast<size_t>(unit)].busy; };
  // DRAM is the limit: more than half of the vector unit's time is hidden behind it.
  EXPECT_LT(run.simulation.cycles,
            busy(chips::npu::kLoad) + busy(chips::npu::kStore) + busy(chips::npu::kVector) / 2);
}

TEST(VectorKernel, SaysWhatItCannotDo) {
  struct Case {
    Graph graph;
    const char* reason;
  };
  const auto axes = [](std::vector<int64_t> axes) {
    return graph::Attributes{{"axes", Attr(axes)}, {"keep_dims", Attr(false)}};
  };
  const Case cases[] = {
      {MakeGraph({{chips::I64, {3}}, {chips::I64, {3}}}, Op("add")), "has no i64"},
      {MakeGraph({{chips::F16, {3}}, {chips::F16, {3}}}, Op("add")), "has no f16"},
      {MakeGraph({{I32, {3}}, {I32, {3}}}, Op("div")), "has no div of i32"},
      {MakeGraph({{I8, {3}}, {I8, {3}}}, Op("add")), "has no add of i8"},
      {MakeGraph({{F32, {3, 4}}}, Op("reduce_sum", axes({0}))), "over other axes than the last"},
      {MakeGraph({{F32, {3, 4}}}, Op("reduce_sum", axes({0, 1}))), "its order of sums"},
      {MakeGraph({{F32, {0, 4}}}, Op("exp")), "a tensor without elements"},
      {MakeGraph({{F32, {2, 20000}}}, Op("reduce_sum", axes({1}))), "rows of 20000 elements"},
      {MakeGraph({{F32, {4, 2}}, {F32, {2, 4}}}, Op("matmul")), "has no matmul"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(EmitVectorKernel(c.graph, TestMachine("edge_16")),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(c.reason)));
  }
}

}  // namespace
}  // namespace strata::compiler
