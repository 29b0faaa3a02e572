// Products with what follows them: one kernel where that can be emitted, the parts where not,
// against the interpreter.
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/codegen/emit.h"
#include "compiler/device/device.h"
#include "compiler/driver/lowering.h"
#include "compiler/driver/product_kernels.h"
#include "compiler/driver/product_split.h"
#include "compiler/pass/pass.h"
#include "compiler/pass/random_product_graph.h"
#include "framework/graph/attributes.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "framework/graph/verifier.h"
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

LoweringTarget Emitted() {
  LoweringTarget target;
  target.device = "cpu";
  target.isa = HostIsa();
  target.gemm_policy = GemmPolicy::kEmitted;
  return target;
}

// What the compiler does to a graph before the general fusion, with every product emitted.
Graph WithEpilogues(Graph graph, const std::vector<std::string>& more = {}) {
  RegisterAllPasses();
  PassContext context;
  context.emits_product = [](const graph::OpCall&) { return true; };
  std::vector<std::string> passes = {"decompose", "cse", "dce", "epilogue_fusion"};
  passes.insert(passes.end(), more.begin(), more.end());
  EXPECT_OK(RunPipeline(passes, context, &graph));
  return graph;
}

int ProductFusions(const Graph& graph) {
  int count = 0;
  for (const graph::Node& node : graph.nodes()) count += IsProductFusion(node);
  return count;
}

// Multiples of 1/16 in [-1, 1): exact in bf16.
std::vector<HostTensor> Inputs(const Graph& graph) {
  std::vector<HostTensor> inputs;
  uint32_t state = 7;
  for (const graph::Input& input : graph.inputs()) {
    const graph::TensorType type = TypeOf(graph.values(static_cast<int>(input.value())));
    std::vector<double> numbers;
    for (int64_t i = 0; i < type.elements(); ++i) {
      state = state * 1664525u + 1013904223u;
      numbers.push_back(static_cast<double>(state >> 27) / 16 - 1);
    }
    inputs.push_back(HostTensor::FromDoubles(type.dtype, type.dims(), numbers));
  }
  return inputs;
}

void ExpectRunsLike(const plan::Plan& plan, const Graph& reference, double tolerance) {
  RegisterAllDevices();
  DeviceOptions options;
  options.threads = 2;
  STRATA_ASSERT_OK_AND_ASSIGN(auto device, DeviceRegistry().Create("cpu", options));
  STRATA_ASSERT_OK_AND_ASSIGN(auto executable, device->Load(plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, executable->Run(Inputs(reference), {}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want,
                              graph::Interpreter().Evaluate(reference, Inputs(reference)));
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(graph::CompareTensors(got[i], want[i], tolerance), "")
        << plan.output_names(static_cast<int>(i));
}

bool HasBf16(const Graph& graph) {
  for (const graph::Value& value : graph.values()) {
    if (value.dtype() == chips::BF16) return true;
  }
  return false;
}

TEST(ProductSplitTest, ThePartsComputeTheSame) {
  int split = 0;
  for (uint32_t seed = 200; seed < 220; ++seed) {
    SCOPED_TRACE(seed);
    const Graph whole = WithEpilogues(MakeRandomProductGraph(seed, 20));
    const Graph apart = SplitProducts(whole, [](const graph::Node&) { return false; });
    EXPECT_OK(graph::Verify(apart));
    EXPECT_EQ(ProductFusions(apart), 0);
    split += ProductFusions(whole);
    STRATA_ASSERT_OK_AND_ASSIGN(const auto got,
                                graph::Interpreter().Evaluate(apart, Inputs(whole)));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto want,
                                graph::Interpreter().Evaluate(whole, Inputs(whole)));
    for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(got[i].ToDoubles(), want[i].ToDoubles());
    // Those that are whole stay as they are.
    const Graph same = SplitProducts(whole, [](const graph::Node&) { return true; });
    EXPECT_EQ(same.SerializeAsString(), whole.SerializeAsString());
  }
  EXPECT_GT(split, 20);
}

TEST(ProductSplitTest, OtherFusionsAreNone) {
  Builder region("product");
  const ValueId x = region.Input("x", {chips::F32, {4, 4}}, graph::DATA);
  region.Output(region.Apply("neg", {x}), "y");
  Builder b("lies");
  b.Output(b.ApplyMulti("fusion", {b.Input("x", {chips::F32, {4, 4}}, graph::DATA)},
                        {{"kind", Attr("product")}}, {*std::move(region).Build()})[0],
           "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  EXPECT_FALSE(IsProductFusion(graph.nodes(0)));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, LowerGraph(graph, Emitted()));
  ExpectRunsLike(plan, graph, 0);
}

TEST(ProductFusionTest, RandomGraphsRunAsInterpreted) {
  for (uint32_t seed = 300; seed < 306; ++seed) {
    SCOPED_TRACE(seed);
    const Graph graph = MakeRandomProductGraph(seed, 24);
    const Graph fused = WithEpilogues(graph, {"fusion", "dce", "memory_order"});
    STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, LowerGraph(fused, Emitted()));
    // A value on the border of two bf16 numbers may fall to either side.
    ExpectRunsLike(plan, graph, HasBf16(graph) ? 0x1p-5 : 2e-5);
  }
}

int FusedSteps(const plan::Plan& plan) {
  int count = 0;
  for (const plan::Step& step : plan.steps())
    count += absl::StrContains(step.reason(), "done on its tiles");
  return count;
}

// A graph that grows products, each of its own operands.
class Products {
 public:
  Builder b{"products"};

  ValueId Input(const Shape& shape, chips::DType dtype = chips::F32) {
    return b.Input(absl::StrCat("x", inputs_++), {dtype, shape}, graph::DATA);
  }
  ValueId Product(const Shape& leading, int64_t N, int64_t K, chips::DType dtype = chips::F32,
                  bool turned = false) {
    Shape a = leading;
    a.push_back(K);
    ++products_;
    return b.Apply("matmul", {Input(a, dtype), Input(turned ? Shape{N, K} : Shape{K, N}, dtype)},
                   {{"output_dtype", Attr(chips::F32)}, {"transpose_b", Attr(turned)}});
  }
  void Output(ValueId value) { b.Output(value, absl::StrCat("y", outputs_++)); }

  // As many kernels with epilogues as products, and the interpreter's results.
  void ExpectFused(double tolerance) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
    const Graph fused = WithEpilogues(graph, {"fusion", "dce", "memory_order"});
    EXPECT_EQ(ProductFusions(fused), products_);
    STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, LowerGraph(fused, Emitted()));
    EXPECT_EQ(FusedSteps(plan), products_);
    ExpectRunsLike(plan, graph, tolerance);
  }

 private:
  int inputs_ = 0, outputs_ = 0, products_ = 0;
};

TEST(ProductFusionTest, EveryOpThatMayFollow) {
  Products p;
  for (const char* op : {"neg", "exp", "tanh", "sigmoid", "erf", "relu", "abs", "square"})
    p.Output(p.b.Apply(op, {p.Product({13}, 37, 10)}));
  for (const char* op : {"log", "sqrt", "rsqrt", "reciprocal"}) {
    const ValueId positive = p.b.Apply(
        "add", {p.b.Apply("square", {p.Product({13}, 37, 10)}), p.b.Constant(0.5, chips::F32)});
    p.Output(p.b.Apply(op, {positive}));
  }
  for (const char* op : {"add", "sub", "mul", "max", "min"})
    p.Output(p.b.Apply(op, {p.Product({13}, 37, 10), p.Input({13, 37})}));
  const ValueId divisor = p.b.Apply("exp", {p.Input({13, 37})});
  p.Output(p.b.Apply("div", {p.Product({13}, 37, 10), divisor}));
  const ValueId row = p.b.Apply("broadcast_to", {p.Input({37})}, {{"dims", Attr(Shape{13, 37})}});
  p.Output(p.b.Apply("add", {p.Product({13}, 37, 10), row}));
  p.ExpectFused(2e-5);
}

// Remainders of rows, of columns and of the tile, one of each, both layouts; bias, number, row and
// residual; two results.
TEST(ProductFusionTest, AnySizes) {
  Products p;
  for (int64_t M : {1, 2, 14, 15, 29}) {
    for (int64_t N : {1, 15, 16, 33, 70}) {
      const ValueId c = p.Product({M}, N, M + 3, chips::F32, /*turned=*/N % 2 == 1);
      const ValueId h = p.b.Apply("add", {c, p.Input({N})});
      const ValueId scaled = p.b.Apply("mul", {h, p.b.Constant(0.25, chips::F32)});
      const ValueId lifted = p.b.Apply("sub", {scaled, p.Input({M, 1})});
      p.Output(h);
      p.Output(p.b.Apply("mul", {p.b.Apply("tanh", {lifted}), p.Input({M, N})}));
    }
  }
  p.ExpectFused(2e-5);
}

TEST(ProductFusionTest, BatchesViewsAndTheProductItself) {
  Products p;
  const ValueId c = p.Product({2, 3}, 40, 24);
  const ValueId flat = p.b.Apply("reshape", {c}, {{"dims", Attr(Shape{6, 40})}});
  p.Output(p.b.Apply("relu", {flat}));
  p.Output(c);
  const ValueId x = p.Input({5, 4, 18}), y = p.Input({5, 4, 33});
  p.Output(p.b.Apply("sigmoid", {p.b.Apply("contract_leading", {x, y})}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(p.b).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, LowerGraph(WithEpilogues(graph), Emitted()));
  EXPECT_EQ(FusedSteps(plan), 2);
  ExpectRunsLike(plan, graph, 2e-5);
}

// As mixed precision has it: sums in f32, results rounded for the next product, a residual that was
// rounded.
TEST(ProductFusionTest, Bf16InAndOut) {
  Products p;
  for (const auto& [M, N, K] : {std::tuple(13, 37, 10), {1, 1, 1}, {16, 64, 33}, {30, 17, 2}}) {
    const ValueId h = p.b.Apply("add", {p.Product({M}, N, K, chips::BF16), p.Input({N})});
    const ValueId rounded = p.Input({M, N}, chips::BF16);
    const ValueId sum =
        p.b.Apply("add", {h, p.b.Apply("cast", {rounded}, {{"dtype", Attr(chips::F32)}})});
    p.Output(h);
    p.Output(p.b.Apply("cast", {p.b.Apply("tanh", {sum})}, {{"dtype", Attr(chips::BF16)}}));
  }
  p.ExpectFused(0x1p-7);
}

// A residual that nobody reads afterwards: the sum takes its storage. One that is an operand of the
// same kernel keeps it.
TEST(ProductFusionTest, AResultInPlaceOfItsOperand) {
  for (const bool operand : {false, true}) {
    Builder b("residual");
    const ValueId x = b.Input("x", {chips::F32, {24, 24}}, graph::DATA);
    const ValueId w = b.Input("w", {chips::F32, {24, 24}}, graph::DATA);
    const ValueId r = b.Apply("sin", {x});
    const ValueId left = operand ? w : b.Apply("matmul", {r, w});
    const ValueId sum = b.Apply("add", {r, b.Apply("matmul", {left, operand ? r : w})});
    b.Output(b.Apply("matmul", {sum, w}), "y");
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
    STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, LowerGraph(WithEpilogues(graph), Emitted()));
    EXPECT_EQ(FusedSteps(plan), 1);
    int in_place = 0;
    for (const plan::Buffer& buffer : plan.buffers()) in_place += buffer.has_in_place_of();
    EXPECT_EQ(in_place, operand ? 0 : 1);
    ExpectRunsLike(plan, graph, 2e-5);
  }
}

// Plans for other machines run here, if they do, with the same numbers.
TEST(ProductFusionTest, EveryInstructionSet) {
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    SCOPED_TRACE(isa);
    Builder b("isa");
    const ValueId x = b.Input("x", {chips::F32, {15, 20}}, graph::DATA);
    const ValueId w = b.Input("w", {chips::F32, {20, 35}}, graph::DATA);
    const ValueId bias = b.Input("bias", {chips::F32, {35}}, graph::DATA);
    b.Output(b.Apply("tanh", {b.Apply("add", {b.Apply("matmul", {x, w}), bias})}), "y");
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
    LoweringTarget target = Emitted();
    target.isa = isa;
    STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, LowerGraph(WithEpilogues(graph), target));
    EXPECT_EQ(FusedSteps(plan), 1);
    if (HostRuns(isa)) ExpectRunsLike(plan, graph, 2e-5);
  }
}

// What follows moves more than the second-level cache, here a small one, holds.
TEST(ProductFusionTest, ThreadsShareRows) {
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    SCOPED_TRACE(isa);
    Products p;
    p.Output(p.b.Apply("tanh", {p.b.Apply("add", {p.Product({500}, 70, 12), p.Input({500, 70})})}));
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(p.b).Build());
    LoweringTarget target = Emitted();
    target.isa = isa;
    chips::MemoryLevel* cache = target.chip.add_memories();
    cache->set_name("L2");
    cache->set_kind(chips::CACHE);
    cache->mutable_capacity_bytes()->set_value(16 << 10);
    STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, LowerGraph(WithEpilogues(graph), target));
    EXPECT_EQ(FusedSteps(plan), 1);
    EXPECT_THAT(plan.steps(plan.steps_size() - 1).reason(), HasSubstr("share=rows"));
    if (HostRuns(isa)) ExpectRunsLike(plan, graph, 2e-5);
  }
}

// Packing, product and epilogue are run by the interpreter where no kernel can be built.
TEST(ProductFusionTest, WithoutACompilerTheReferencesRun) {
  for (uint32_t seed = 320; seed < 322; ++seed) {
    SCOPED_TRACE(seed);
    const Graph graph = MakeRandomProductGraph(seed, 24);
    STRATA_ASSERT_OK_AND_ASSIGN(plan::Plan plan, LowerGraph(WithEpilogues(graph), Emitted()));
    for (plan::Kernel& kernel : *plan.mutable_kernels()) {
      EXPECT_TRUE(kernel.has_reference()) << kernel.entry();
      kernel.mutable_source()->append("\nthis is not C");
    }
    ExpectRunsLike(plan, graph, HasBf16(graph) ? 0x1p-5 : 2e-5);
  }
}

// Configs that pack all of B first, as records may ask for.
TEST(ProductFusionTest, ARecordForWhatIsFollowed) {
  const GemmConfig alone{.rows = 6, .vectors = 2, .depth = 16, .panels = 2};
  const GemmConfig followed{
      .rows = 5, .vectors = 1, .depth = 40, .panels = 3, .pack_b_first = true};
  LoweringTarget target = Emitted();
  target.gemm_records = [&](const GemmProblem&) { return GemmRecord{alone, 1e-5, 2e-5, followed}; };
  Builder b("record");
  const ValueId x = b.Input("x", {chips::F32, {21, 40}}, graph::DATA);
  const ValueId w = b.Input("w", {chips::F32, {40, 35}}, graph::DATA);
  b.Output(b.Apply("relu", {b.Apply("matmul", {x, w})}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  const graph::OpCall call = CallOf(graph, graph.nodes(0));
  const ProductKernels products(target.isa, target.chip, target.gemm_policy, target.gemm_records);
  EXPECT_EQ(products.Choose(call).config, alone);
  EXPECT_EQ(products.ChooseFused(call).config, followed);
  EXPECT_GE(products.EpiloguePrice(call), 0);
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, LowerGraph(WithEpilogues(graph), target));
  ExpectRunsLike(plan, graph, 2e-5);
}

// Whole sums of so many terms do not fit a block of B: the product stays alone, with a config of
// its own.
TEST(ProductFusionTest, SumsThatAreTooLongStayAlone) {
  Builder b("long");
  const ValueId x = b.Input("x", {chips::F32, {2, 70000}}, graph::DATA);
  const ValueId w = b.Input("w", {chips::F32, {70000, 3}}, graph::DATA);
  b.Output(b.Apply("relu", {b.Apply("matmul", {x, w})}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  const graph::OpCall call = CallOf(graph, graph.nodes(0));
  const LoweringTarget target = Emitted();
  const ProductKernels products(target.isa, target.chip, target.gemm_policy, nullptr);
  EXPECT_TRUE(products.Choose(call).problem);
  EXPECT_FALSE(products.ChooseFused(call).problem);
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, LowerGraph(WithEpilogues(graph), target));
  ExpectRunsLike(plan, graph, 1e-4);
}

}  // namespace
}  // namespace strata::compiler
