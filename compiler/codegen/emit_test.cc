#include "compiler/codegen/emit.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/codegen/expect_equal.h"
#include "compiler/codegen/kernel_runner.h"
#include "compiler/codegen/test_graphs.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Attributes;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using graph::Shape;
using graph::ValueId;
using testing::HasSubstr;

constexpr int64_t kSizes[] = {0, 1, 2, 15, 16, 17, 33, 100, 768};

std::vector<int64_t> Axes(std::initializer_list<int64_t> axes) { return axes; }

// ---- fused kernels over many sizes, all in one library

TEST(EmitTest, RowKernelsOverSizes) {
  Builder b("rows");
  for (int64_t columns : kSizes) {
    testing_graphs::AddFusion(testing_graphs::Softmax(5, columns), absl::StrCat("softmax", columns),
                              &b);
    if (columns == 0) continue;  // the mean of nothing is NaN everywhere: tested below
    testing_graphs::AddFusion(testing_graphs::LayerNorm(3, columns), absl::StrCat("norm", columns),
                              &b);
  }
  testing_graphs::AddFusion(testing_graphs::Softmax(2, 9000), "without_row_buffer", &b);
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  ExpectEmittedEqualsReference(graph, {.tolerance = 1e-5});
}

TEST(EmitTest, LoopAndColumnKernelsOverSizes) {
  Builder b("columns");
  for (int64_t columns : kSizes) {
    testing_graphs::AddFusion(testing_graphs::BiasGelu(3, columns, columns % 2 == 0),
                              absl::StrCat("gelu", columns), &b);
    for (int64_t rows : {0, 1, 40}) {
      testing_graphs::AddFusion(testing_graphs::ColumnSums(rows, columns),
                                absl::StrCat("sums", rows, "_", columns), &b);
    }
  }
  testing_graphs::AddFusion(testing_graphs::ColumnSums(3, 5000), "two_strips", &b);
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  ExpectEmittedEqualsReference(graph, {.tolerance = 1e-5});
}

TEST(EmitTest, EveryIsaThatThisMachineRuns) {
  Builder b("isas");
  testing_graphs::AddFusion(testing_graphs::Softmax(3, 37), "softmax", &b);
  testing_graphs::AddFusion(testing_graphs::BiasGelu(3, 37, true), "gelu", &b);
  testing_graphs::AddFusion(testing_graphs::ColumnSums(9, 37), "sums", &b);
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    if (HostRuns(isa)) ExpectEmittedEqualsReference(graph, {.tolerance = 1e-5, .isa = isa});
  }
}

// ---- single nodes

// Applies ops to fresh inputs and makes each result an output.
class NodeSweep {
 public:
  NodeSweep() : b_("nodes") {}

  ValueId Input(chips::DType dtype, const Shape& shape) {
    return b_.Input(absl::StrCat("x", inputs_++), {dtype, shape}, graph::DATA);
  }
  ValueId F32(const Shape& shape) { return Input(chips::F32, shape); }
  void Apply(const std::string& op, const std::vector<ValueId>& inputs,
             const Attributes& attributes = {}) {
    b_.Output(b_.Apply(op, inputs, attributes), absl::StrCat(op, outputs_++));
  }
  Builder& builder() { return b_; }
  Graph Build() {
    auto graph = std::move(b_).Build();
    EXPECT_OK(graph.status());
    return graph.ok() ? *graph : Graph();
  }

 private:
  Builder b_;
  int inputs_ = 0, outputs_ = 0;
};

TEST(EmitTest, BroadcastPatterns) {
  NodeSweep sweep;
  const std::vector<std::pair<Shape, Shape>> pairs = {{{4, 17}, {4, 17}},
                                                      {{4, 17}, {17}},
                                                      {{4, 17}, {4, 1}},
                                                      {{4, 1}, {1, 17}},
                                                      {{4, 17}, {}},
                                                      {{}, {}},
                                                      {{1}, {1, 1}},
                                                      {{2, 3, 17}, {3, 1}},
                                                      {{2, 1, 17}, {3, 1}},
                                                      {{2, 3, 4, 5}, {3, 1, 5}},
                                                      {{2, 3, 4, 5}, {2, 1, 4, 1}},
                                                      {{0, 5}, {1, 5}},
                                                      {{3, 1}, {1, 33}},
                                                      {{2, 3, 1}, {2, 3, 40}}};
  for (const auto& [a, c] : pairs) sweep.Apply("sub", {sweep.F32(a), sweep.F32(c)});
  ExpectEmittedEqualsReference(sweep.Build());
}

TEST(EmitTest, Reductions) {
  NodeSweep sweep;
  const std::vector<std::pair<Shape, std::vector<int64_t>>> cases = {
      {{3, 17}, {1}},       {{3, 17}, {0}},    {{3, 17}, {0, 1}},      {{3, 17}, {-1}},
      {{17}, {0}},          {{2, 3, 17}, {1}}, {{2, 3, 17}, {0, 2}},   {{2, 3, 17}, {0, 1}},
      {{2, 3, 17}, {1, 2}}, {{4, 1, 3}, {1}},  {{2, 3, 4, 5}, {1, 3}}, {{2, 3, 4, 5}, {0, 2}},
      {{5, 1}, {0}},        {{1, 1}, {0, 1}},  {{200, 3}, {0}},        {{2, 0}, {1}},
      {{0, 2}, {0}},        {{0, 2}, {1}},     {{7, 64}, {1}},         {{1000}, {0}}};
  for (const auto& [shape, axes] : cases) {
    bool keep_dims = axes.size() == 1;
    for (const char* op : {"reduce_sum", "reduce_max", "reduce_mean"}) {
      keep_dims = !keep_dims;
      sweep.Apply(op, {sweep.F32(shape)}, {{"axes", Attr(axes)}, {"keep_dims", Attr(keep_dims)}});
    }
  }
  // Sums of up to 1000 terms may cancel to almost nothing.
  ExpectEmittedEqualsReference(sweep.Build(), {.tolerance = 5e-5});
}

TEST(EmitTest, Movement) {
  NodeSweep sweep;
  const auto transpose = [&](const Shape& shape, std::vector<int64_t> permutation) {
    sweep.Apply("transpose", {sweep.F32(shape)}, {{"permutation", Attr(permutation)}});
  };
  transpose({5, 33}, {1, 0});
  transpose({40, 40}, {1, 0});
  transpose({2, 3, 4, 17}, {0, 2, 1, 3});
  transpose({2, 3, 4, 5}, {3, 1, 0, 2});
  transpose({1, 7}, {1, 0});
  for (int64_t axis : {0, 1, 2}) {
    sweep.Apply("slice", {sweep.F32({4, 5, 18})},
                {{"axis", Attr(axis)}, {"start", Attr(1)}, {"limit", Attr(4)}});
    sweep.Apply("slice", {sweep.F32({4, 5, 18})},
                {{"axis", Attr(axis)}, {"start", Attr(2)}, {"limit", Attr(2)}});
    sweep.Apply("pad", {sweep.F32({2, 3, 18})},
                {{"axis", Attr(axis)}, {"before", Attr(1)}, {"after", Attr(2)}});
    sweep.Apply("pad", {sweep.F32({2, 3, 18})},
                {{"axis", Attr(axis)}, {"before", Attr(0)}, {"after", Attr(19)}});
    sweep.Apply("concat", {sweep.F32({2, 3, 17}), sweep.F32({2, 3, 17})}, {{"axis", Attr(axis)}});
  }
  sweep.Apply("concat",
              {sweep.F32({2, 1}), sweep.F32({2, 16}), sweep.F32({2, 0}), sweep.F32({2, 5})},
              {{"axis", Attr(1)}});
  sweep.Apply("concat", {sweep.F32({40}), sweep.F32({3})}, {{"axis", Attr(0)}});
  sweep.Apply("reshape", {sweep.F32({6, 8})}, {{"dims", Attr(Shape{4, 12})}});
  sweep.Apply("broadcast_to", {sweep.F32({5, 1})}, {{"dims", Attr(Shape{3, 5, 20})}});
  sweep.Apply("iota", {},
              {{"dtype", Attr(chips::F32)}, {"dims", Attr(Shape{3, 20})}, {"axis", Attr(1)}});
  sweep.Apply("iota", {},
              {{"dtype", Attr(chips::I32)}, {"dims", Attr(Shape{3, 20})}, {"axis", Attr(0)}});
  sweep.Apply("constant", {},
              {{"value", Attr(-0.3)}, {"dtype", Attr(chips::F32)}, {"dims", Attr(Shape{21})}});
  ExpectEmittedEqualsReference(sweep.Build(), {.tolerance = 0});
}

TEST(EmitTest, DTypes) {
  using chips::BF16, chips::BOOL, chips::F32, chips::I32;
  NodeSweep sweep;
  for (const Shape& shape : {Shape{3, 19}, Shape{}}) {
    for (chips::DType from : {F32, BF16, I32, BOOL}) {
      for (chips::DType to : {F32, BF16, I32, BOOL}) {
        sweep.Apply("cast", {sweep.Input(from, shape)}, {{"dtype", Attr(to)}});
      }
      for (const char* op : {"less", "less_equal", "equal"}) {
        sweep.Apply(op, {sweep.Input(from, shape), sweep.Input(from, shape)});
      }
      sweep.Apply("select",
                  {sweep.Input(BOOL, shape), sweep.Input(from, shape), sweep.Input(from, {})});
      sweep.Apply("transpose", {sweep.Input(from, {4, 18})}, {{"permutation", Attr(Axes({1, 0}))}});
      if (from == BOOL) continue;
      for (const char* op : {"add", "sub", "mul", "max", "min"}) {
        sweep.Apply(op, {sweep.Input(from, shape), sweep.Input(from, shape)});
      }
    }
    sweep.Apply("div", {sweep.Input(BF16, shape), sweep.Input(BF16, shape)});
  }
  sweep.Apply("reduce_max", {sweep.Input(BF16, {3, 19})}, {{"axes", Attr(Axes({1}))}});
  ExpectEmittedEqualsReference(sweep.Build(), {.tolerance = 0});
}

TEST(EmitTest, Bf16SumsRoundOnce) {
  NodeSweep sweep;
  sweep.Apply("reduce_sum", {sweep.Input(chips::BF16, {3, 19})}, {{"axes", Attr(Axes({1}))}});
  sweep.Apply("exp", {sweep.Input(chips::BF16, {3, 19})});
  // A sum or an exponential that differs in its last f32 bit may round to the neighbouring bf16.
  ExpectEmittedEqualsReference(sweep.Build(), {.tolerance = 1.0 / 128});
}

TEST(EmitTest, SpecialValues) {
  const double inf = INFINITY, nan = NAN;
  NodeSweep sweep;
  const ValueId x = sweep.F32({6}), y = sweep.F32({6});
  for (const char* op : {"neg", "exp", "log", "sqrt", "rsqrt", "tanh", "sigmoid", "relu", "erf",
                         "abs", "reciprocal"}) {
    sweep.Apply(op, {x});
  }
  for (const char* op : {"max", "min", "pow", "less", "equal", "div"}) sweep.Apply(op, {x, y});
  sweep.Apply("reduce_max", {x}, {{"axes", Attr(Axes({0}))}});
  sweep.Apply("cast", {x}, {{"dtype", Attr(chips::I32)}});
  sweep.Apply("cast", {x}, {{"dtype", Attr(chips::BF16)}});
  const Graph graph = sweep.Build();
  STRATA_ASSERT_OK_AND_ASSIGN(const KernelRunner runner, KernelRunner::Create(graph, HostIsa()));
  const std::vector<HostTensor> inputs = {
      HostTensor::FromDoubles(chips::F32, {6}, {inf, -inf, nan, 0.0, -0.0, 3e9}),
      HostTensor::FromDoubles(chips::F32, {6}, {2, 3, 1, nan, -1, inf})};
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(graph, inputs));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, runner.Run(inputs));
  for (size_t o = 0; o < want.size(); ++o) {
    const std::vector<double> a = want[o].ToDoubles(), c = got[o].ToDoubles();
    for (size_t i = 0; i < a.size(); ++i) {
      if (std::isnan(a[i])) {
        EXPECT_TRUE(std::isnan(c[i]))
            << graph.outputs(static_cast<int>(o)).name() << " element " << i << " is " << c[i];
      } else if (std::isinf(a[i])) {
        EXPECT_EQ(a[i], c[i]) << graph.outputs(static_cast<int>(o)).name() << " element " << i;
      } else {
        EXPECT_NEAR(a[i], c[i], 1e-6 * std::abs(a[i]))
            << graph.outputs(static_cast<int>(o)).name() << " element " << i;
      }
    }
  }
}

// ---- views inside of a region

TEST(EmitTest, ViewsInsideOfARegion) {
  Builder outer("views");
  {
    // Three outputs cut from one sum: query, key and value of attention.
    Builder b("qkv");
    const ValueId x = b.Input("x", {chips::F32, {2, 5, 48}}, graph::DATA),
                  bias = b.Input("b", {chips::F32, {48}}, graph::DATA);
    const ValueId sum = b.Apply("add", {x, bias});
    for (int64_t i = 0; i < 3; ++i) {
      const ValueId part =
          b.Apply("slice", {sum},
                  {{"axis", Attr(2)}, {"start", Attr(16 * i)}, {"limit", Attr(16 * i + 16)}});
      b.Output(b.Apply("reshape", {part}, {{"dims", Attr(Shape{2, 5, 4, 4})}}),
               absl::StrCat("part", i));
    }
    testing_graphs::AddFusion(*std::move(b).Build(), "qkv", &outer);
  }
  {
    // Their gradients joined again: pads that meet, over reshaped operands.
    Builder b("dqkv");
    ValueId sum = graph::kNoValue;
    for (int64_t i = 0; i < 3; ++i) {
      const ValueId part = b.Input(absl::StrCat("d", i), {chips::F32, {2, 5, 4, 4}}, graph::DATA);
      const ValueId flat = b.Apply("reshape", {part}, {{"dims", Attr(Shape{2, 5, 16})}});
      const ValueId padded =
          b.Apply("pad", {flat},
                  {{"axis", Attr(2)}, {"before", Attr(16 * i)}, {"after", Attr(32 - 16 * i)}});
      sum = i == 0 ? padded : b.Apply("add", {sum, padded});
    }
    b.Output(sum, "sum");
    testing_graphs::AddFusion(*std::move(b).Build(), "dqkv", &outer);
  }
  {
    // Heads apart and transposed, work on both sides of the views.
    Builder b("heads");
    const ValueId x = b.Input("x", {chips::F32, {6, 32}}, graph::DATA);
    const ValueId y =
        b.Apply("reshape", {b.Apply("square", {x})}, {{"dims", Attr(Shape{2, 3, 2, 16})}});
    const ValueId z =
        b.Apply("transpose", {y}, {{"permutation", Attr(std::vector<int64_t>{0, 2, 1, 3})}});
    b.Output(b.Apply("neg", {z}), "z");
    testing_graphs::AddFusion(*std::move(b).Build(), "heads", &outer);
  }
  {
    // Joined on the outer axis of a flat kernel, then work.
    Builder b("joined");
    const ValueId x = b.Input("x", {chips::F32, {3, 20}}, graph::DATA),
                  y = b.Input("y", {chips::F32, {2, 20}}, graph::DATA);
    b.Output(b.Apply("tanh", {b.Apply("concat", {x, b.Apply("neg", {y})}, {{"axis", Attr(0)}})}),
             "z");
    testing_graphs::AddFusion(*std::move(b).Build(), "joined", &outer);
  }
  {
    // Rows over two dims that a broadcast keeps apart.
    Builder b("two_dims");
    const ValueId x = b.Input("x", {chips::F32, {3, 5, 18}}, graph::DATA),
                  y = b.Input("y", {chips::F32, {5, 1}}, graph::DATA);
    const ValueId sum = b.Apply("add", {x, y});
    const ValueId mean =
        b.Apply("reduce_mean", {sum},
                {{"axes", Attr(std::vector<int64_t>{1, 2})}, {"keep_dims", Attr(true)}});
    b.Output(b.Apply("sub", {sum, mean}), "z");
    b.Output(mean, "mean");
    testing_graphs::AddFusion(*std::move(b).Build(), "two_dims", &outer);
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(outer).Build());
  ExpectEmittedEqualsReference(graph);
}

// ---- contracts

TEST(EmitTest, EqualComputationsHaveEqualSources) {
  const Graph one = testing_graphs::Fused(testing_graphs::Softmax(4, 32));
  Graph two = one;
  two.mutable_nodes(0)->set_origin("elsewhere");
  for (graph::Value& value : *two.mutable_nodes(0)->mutable_regions(0)->mutable_values())
    value.set_name(value.name() + "_b");
  STRATA_ASSERT_OK_AND_ASSIGN(const EmittedKernel a, EmitKernel(one, one.nodes(0), "avx512"));
  STRATA_ASSERT_OK_AND_ASSIGN(const EmittedKernel b, EmitKernel(two, two.nodes(0), "avx512"));
  EXPECT_EQ(a.kernel.source(), b.kernel.source());
  EXPECT_EQ(a.kernel.entry(), b.kernel.entry());
  const Graph other = testing_graphs::Fused(testing_graphs::Softmax(4, 33));
  STRATA_ASSERT_OK_AND_ASSIGN(const EmittedKernel c, EmitKernel(other, other.nodes(0), "avx512"));
  EXPECT_NE(a.kernel.entry(), c.kernel.entry());
}

TEST(EmitTest, NothingToDo) {
  const Graph graph = testing_graphs::Fused(testing_graphs::Softmax(0, 5));
  STRATA_ASSERT_OK_AND_ASSIGN(const EmittedKernel emitted,
                              EmitKernel(graph, graph.nodes(0), "avx512"));
  EXPECT_EQ(emitted.kernel.parallel_extent(), 0);
  EXPECT_GE(emitted.kernel.grain(), 1);
}

TEST(EmitTest, InPlace) {
  const auto in_place = [](const Graph& graph) {
    return EmitKernel(graph, graph.nodes(0), "avx512")->in_place;
  };
  using Positions = std::vector<std::vector<int>>;
  // x may become y; the bias may not.
  EXPECT_EQ(in_place(testing_graphs::Fused(testing_graphs::BiasGelu(4, 32, true))),
            (Positions{{0}}));
  // The last walk over a row reads and writes each element once.
  EXPECT_EQ(in_place(testing_graphs::Fused(testing_graphs::LayerNorm(4, 32))), (Positions{{0}}));
  // dy may take dx or x; the sums may take nothing.
  EXPECT_EQ(in_place(testing_graphs::Fused(testing_graphs::ColumnSums(4, 32))),
            (Positions{{0, 1}, {}, {}}));
  NodeSweep sweep;
  sweep.Apply("transpose", {sweep.F32({5, 5})}, {{"permutation", Attr(Axes({1, 0}))}});
  EXPECT_EQ(in_place(sweep.Build()), (Positions{{}}));
}

// A row kernel whose output is stored before a later walk reads the input again must not share.
TEST(EmitTest, NotInPlaceWhenReadAgain) {
  Builder b("again");
  const ValueId x = b.Input("x", {chips::F32, {4, 32}}, graph::DATA);
  const ValueId sum =
      b.Apply("reduce_sum", {x}, {{"axes", Attr(Axes({1}))}, {"keep_dims", Attr(true)}});
  b.Output(b.Apply("neg", {x}), "early");
  b.Output(b.Apply("sub", {x, sum}), "late");
  const Graph graph = testing_graphs::Fused(*std::move(b).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const EmittedKernel emitted,
                              EmitKernel(graph, graph.nodes(0), "avx512"));
  EXPECT_EQ(emitted.in_place, (std::vector<std::vector<int>>{{}, {0}}));
}

TEST(EmitTest, SharedStorageComputesTheSame) {
  const Graph graph = testing_graphs::Fused(testing_graphs::LayerNorm(5, 48));
  STRATA_ASSERT_OK_AND_ASSIGN(const KernelRunner runner, KernelRunner::Create(graph, HostIsa()));
  std::vector<HostTensor> inputs = RandomInputs(graph);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto apart, runner.Run(inputs));
  std::vector<void*> buffers = {inputs[0].raw(), inputs[1].raw(), inputs[2].raw(), inputs[0].raw()};
  runner.entry(0)(buffers.data(), 0, runner.kernel(0).kernel.parallel_extent());
  EXPECT_EQ(std::memcmp(inputs[0].raw(), apart[0].raw(), inputs[0].size_bytes()), 0);
}

TEST(EmitTest, Refusals) {
  const auto refusal = [](const Graph& graph) {
    return EmitKernel(graph, graph.nodes(0), "avx512").status();
  };
  {
    NodeSweep sweep;
    sweep.Apply("matmul", {sweep.F32({2, 3}), sweep.F32({3, 2})});
    EXPECT_THAT(refusal(sweep.Build()), StatusIs(absl::StatusCode::kUnimplemented,
                                                 HasSubstr("'matmul' has no element formula")));
  }
  {
    NodeSweep sweep;
    sweep.Apply("exp", {sweep.Input(chips::F64, {2})});
    EXPECT_THAT(refusal(sweep.Build()), StatusIs(absl::StatusCode::kUnimplemented,
                                                 HasSubstr("is f64; emitted kernels know")));
  }
  {
    NodeSweep sweep;
    sweep.Apply("exp", {sweep.F32({"B"})});
    EXPECT_THAT(refusal(sweep.Build()),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("symbolic dim")));
  }
  {
    NodeSweep sweep;
    sweep.Apply("div", {sweep.Input(chips::I32, {2}), sweep.Input(chips::I32, {2})});
    EXPECT_THAT(refusal(sweep.Build()),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("integer division")));
  }
  {
    NodeSweep sweep;
    sweep.Apply("reduce_sum", {sweep.Input(chips::I32, {2})}, {{"axes", Attr(Axes({0}))}});
    EXPECT_THAT(refusal(sweep.Build()),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("reduce_sum of i32")));
  }
  {
    // A column sum that its own rows need.
    Builder b("centre");
    const ValueId x = b.Input("x", {chips::F32, {4, 8}}, graph::DATA);
    b.Output(b.Apply("sub", {x, b.Apply("reduce_mean", {x}, {{"axes", Attr(Axes({0}))}})}), "y");
    EXPECT_THAT(refusal(testing_graphs::Fused(*std::move(b).Build())),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("column reduction")));
  }
  {
    // Outputs of different spaces.
    Builder b("two");
    b.Output(b.Apply("exp", {b.Input("x", {chips::F32, {4, 8}}, graph::DATA)}), "y");
    b.Output(b.Apply("exp", {b.Input("z", {chips::F32, {5}}, graph::DATA)}), "w");
    EXPECT_THAT(refusal(testing_graphs::Fused(*std::move(b).Build())),
                StatusIs(absl::StatusCode::kUnimplemented,
                         HasSubstr("does not share the iteration space")));
  }
  const Graph graph = testing_graphs::Fused(testing_graphs::Softmax(2, 2));
  EXPECT_THAT(EmitKernel(graph, graph.nodes(0), "avx9").status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("there is: avx512_bf16, avx512, avx2, generic")));
}

}  // namespace
}  // namespace strata::compiler
