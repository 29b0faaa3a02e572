#include "compiler/pass/epilogue_fusion.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/codegen/expect_equal.h"
#include "framework/graph/attributes.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::AttributeReader;
using graph::Builder;
using graph::Graph;
using graph::Node;
using graph::Shape;
using graph::ValueId;
using testing::ElementsAre;

constexpr int64_t kRows = 2 * 3, kTile = kRows * 32 * 4;  // bytes of [2, 3, 32]

class Model {
 public:
  Builder b{"model"};

  ValueId Input(const std::string& name, const Shape& shape, chips::DType dtype = chips::F32) {
    return b.Input(name, {dtype, shape}, graph::DATA);
  }
  // [2, 3, 32] of a [2, 3, 16].
  ValueId Product(const std::string& name = "x") {
    return b.Apply("matmul", {Input(name, {2, 3, 16}), Input(name + ".w", {16, 32})});
  }
  // A reader that is a kernel of its own, and its result.
  void Use(ValueId value, const std::string& name) {
    b.Output(b.Apply("matmul", {value, Input(name + ".w", {b.type(value).dims().back(), 5},
                                             b.type(value).dtype)}),
             name);
  }
};

struct Fused {
  Graph graph;
  std::vector<const Node*> products;  // fusions of the kind
  int64_t saved(size_t i) const { return AttributeReader(*products[i]).Int("bytes_saved"); }
  std::vector<std::string> ops(size_t i) const {
    std::vector<std::string> ops;
    for (const Node& node : products[i]->regions(0).nodes()) ops.push_back(node.op());
    return ops;
  }
};

// Only the first product is emitted, so that others are readers of their own.
Fused Fuse(Model model, int emitted = 1, int64_t price = 0) {
  RegisterAllPasses();
  auto before = std::move(model.b).Build();
  EXPECT_OK(before.status());
  PassContext context;
  int seen = 0;
  context.emits_product = [&](const graph::OpCall&) { return seen++ < emitted; };
  context.epilogue_price = [&](const graph::OpCall&) { return price; };
  Fused fused;
  fused.graph = *before;
  EXPECT_OK(RunPipeline({"epilogue_fusion"}, context, &fused.graph));
  for (const Node& node : fused.graph.nodes()) {
    if (AttributeReader(node).String("kind") == "product") fused.products.push_back(&node);
  }
  const auto inputs = RandomInputs(*before);
  const auto want = graph::Interpreter().Evaluate(*before, inputs);
  const auto got = graph::Interpreter().Evaluate(fused.graph, inputs);
  EXPECT_OK(want.status());
  EXPECT_OK(got.status());
  for (size_t o = 0; want.ok() && got.ok() && o < want->size(); ++o)
    EXPECT_EQ((*want)[o].ToDoubles(), (*got)[o].ToDoubles());
  return fused;
}

TEST(EpilogueFusionTest, BiasAndActivationWithBothResults) {
  Model m;
  const ValueId h = m.b.Apply("add", {m.Product(), m.Input("bias", {32})});
  m.Use(m.b.Apply("relu", {h}), "y");
  m.b.Output(h, "h");
  const Fused fused = Fuse(std::move(m));
  ASSERT_EQ(fused.products.size(), 1u);
  EXPECT_THAT(fused.ops(0), ElementsAre("matmul", "add", "relu"));
  EXPECT_EQ(fused.products[0]->outputs_size(), 2);
  // The product is neither written nor read: the general fusion makes one kernel of the rest, too.
  EXPECT_EQ(fused.saved(0), 2 * kTile);
}

TEST(EpilogueFusionTest, WhatOnlyAReductionReadsIsLeftToItsKernel) {
  for (const bool read_by_others : {false, true}) {
    Model m;
    const ValueId sum = m.b.Apply("add", {m.Product(), m.Input("residual", {2, 3, 32})});
    const ValueId norm = m.b.Apply("softmax", {sum});
    m.Use(norm, "norm");
    if (read_by_others) m.b.Output(sum, "sum");
    auto graph = std::move(m.b).Build();
    ASSERT_OK(graph.status());
    RegisterAllPasses();
    ASSERT_OK(RunPipeline({"decompose"}, {}, &*graph));
    PassContext context;
    context.emits_product = [](const graph::OpCall&) { return true; };
    ASSERT_OK(RunPipeline({"epilogue_fusion"}, context, &*graph));
    int64_t saved = 0;
    for (const Node& node : graph->nodes()) {
      if (node.op() == "fusion") saved += AttributeReader(node).Int("bytes_saved");
    }
    // The sum that must be written anyway costs the softmax a read, and spares the product's write
    // and read.
    EXPECT_EQ(saved, read_by_others ? kTile : 0);
  }
}

TEST(EpilogueFusionTest, TheDerivativeOfAnActivationComesAlong) {
  Model m;
  const ValueId saved = m.Input("saved", {2, 3, 32});
  const ValueId t = m.b.Apply("tanh", {saved});
  const ValueId slope = m.b.Apply("sub", {m.b.Constant(1, chips::F32), m.b.Apply("square", {t})});
  m.Use(m.b.Apply("mul", {m.Product(), slope}), "dx");
  const Fused fused = Fuse(std::move(m));
  ASSERT_EQ(fused.products.size(), 1u);
  EXPECT_THAT(fused.ops(0),
              testing::UnorderedElementsAre("constant", "tanh", "square", "sub", "matmul", "mul"));
  EXPECT_EQ(fused.products[0]->inputs_size(), 3);  // x, w, saved
}

TEST(EpilogueFusionTest, WhatOthersReadTooIsNotDoneTwice) {
  Model m;
  const ValueId t = m.b.Apply("tanh", {m.Input("saved", {2, 3, 32})});
  m.Use(m.b.Apply("mul", {m.Product(), t}), "dx");
  m.Use(t, "t");
  const Fused fused = Fuse(std::move(m));
  ASSERT_EQ(fused.products.size(), 1u);
  EXPECT_THAT(fused.ops(0), ElementsAre("matmul", "mul"));
}

// The second operand of the sum is made from the first: as one kernel the two would wait for each
// other.
TEST(EpilogueFusionTest, NoCircles) {
  Model m;
  const ValueId h = m.b.Apply("relu", {m.Product()});
  const ValueId back = m.b.Apply("matmul", {h, m.Input("square", {32, 32})});
  const ValueId sum = m.b.Apply("add", {h, back});
  m.Use(sum, "sum");
  const Fused fused = Fuse(std::move(m), /*emitted=*/2);
  ASSERT_EQ(fused.products.size(), 2u);
  EXPECT_THAT(fused.ops(0), ElementsAre("matmul", "relu"));
  EXPECT_THAT(fused.ops(1), ElementsAre("matmul", "add"));
}

// Each of two products is added to what follows the other: once the first has taken its part, the
// second must not.
TEST(EpilogueFusionTest, NoCirclesBetweenTwoFusions) {
  Model m;
  const ValueId p = m.Product("p"), q = m.Product("q");
  const ValueId f = m.b.Apply("relu", {p}), g = m.b.Apply("relu", {q});
  m.Use(m.b.Apply("add", {p, g}), "pg");
  m.Use(m.b.Apply("add", {q, f}), "qf");
  Fuse(std::move(m), /*emitted=*/2);
}

TEST(EpilogueFusionTest, RoundingForTheNextProductIsAResult) {
  Model m;
  const ValueId h = m.b.Apply("add", {m.Product(), m.Input("bias", {32})});
  m.Use(m.b.Apply("cast", {h}, {{"dtype", Attr(chips::BF16)}}), "y");
  const Fused fused = Fuse(std::move(m));
  ASSERT_EQ(fused.products.size(), 1u);
  EXPECT_THAT(fused.ops(0), ElementsAre("matmul", "add", "cast"));
  EXPECT_EQ(fused.saved(0), 2 * kTile);
}

TEST(EpilogueFusionTest, AViewIsPassedThroughAndKeptForOthers) {
  Model m;
  const ValueId flat = m.b.Apply("reshape", {m.Product()}, {{"dims", Attr(Shape{kRows, 32})}});
  m.Use(m.b.Apply("relu", {flat}), "y");
  m.Use(flat, "flat");
  const Fused fused = Fuse(std::move(m));
  ASSERT_EQ(fused.products.size(), 1u);
  EXPECT_THAT(fused.ops(0), ElementsAre("matmul", "reshape", "relu"));
  EXPECT_EQ(fused.products[0]->outputs_size(), 2) << "the product, that the view is of, and relu";
  EXPECT_EQ(fused.saved(0), kTile) << "one reading";
}

TEST(EpilogueFusionTest, WhatHasNoFormulaForATileStaysApart) {
  for (const bool select : {false, true}) {
    Model m;
    const ValueId c = m.Product();
    const ValueId y =
        select ? m.b.Apply("select", {m.b.Apply("less", {c, m.b.Constant(0, chips::F32)}), c, c})
               : m.b.Apply("add", {c, m.Input("position", {3, 32})});
    m.Use(y, "y");
    EXPECT_TRUE(Fuse(std::move(m)).products.empty());
  }
}

TEST(EpilogueFusionTest, OnlyEmittedProductsAndOnlyForTheirPrice) {
  const auto model = [] {
    Model m;
    m.Use(m.b.Apply("relu", {m.Product()}), "y");
    return m;
  };
  EXPECT_TRUE(Fuse(model(), /*emitted=*/0).products.empty());
  EXPECT_EQ(Fuse(model(), 1, 2 * kTile - 1).products.size(), 1u);
  EXPECT_TRUE(Fuse(model(), 1, 2 * kTile).products.empty());
  Graph graph = *std::move(model().b).Build();
  STRATA_ASSERT_OK_AND_ASSIGN(const bool changed, CreateEpilogueFusion()->Run({}, &graph));
  EXPECT_FALSE(changed) << "nobody said that products are emitted";
}

}  // namespace
}  // namespace strata::compiler
