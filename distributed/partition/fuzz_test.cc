// Random graphs with random cuts on two axes are what they are on one rank: sums that wait, forms that are shared, moves
// from dim to dim. Seeded.
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "base/textproto.h"
#include "distributed/partition/lockstep.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/text.h"

namespace strata::distributed {
namespace {

using graph::Attr;
using graph::Builder;
using graph::HostTensor;
using graph::Shape;
using graph::ValueId;

constexpr int64_t kSize = 8;

// Grows a graph of [8, 8], [8] and [] values.
class Grower {
 public:
  Grower(uint32_t seed, const Mesh& mesh) : random_(seed), mesh_(mesh), b_("random") {}

  graph::Graph Grow(int nodes) {
    for (const char* name : {"a", "b", "c"})
      Add(b_.Input(name, {chips::F64, {kSize, kSize}}, graph::DATA));
    for (int i = 0; i < nodes; ++i) Add(Node());
    for (size_t i = 0; i < 3; ++i) b_.Output(values_[values_.size() - 1 - i], absl::StrCat("y", i));
    b_.Output(Sum(values_.back(), {0, 1}), "total");
    absl::StatusOr<graph::Graph> graph = std::move(b_).Build();
    EXPECT_OK(graph);
    if (!graph.ok()) return {};
    for (graph::Value& value : *graph->mutable_values()) Cut(&value);
    return *graph;
  }

 private:
  void Add(ValueId id) { values_.push_back(id); }
  ValueId Any() {
    return values_[values_.size() - 1 - random_() % std::min<size_t>(values_.size(), 5)];
  }

  // With the axes of `axes` summed away; from a vector or scalar back to a matrix.
  ValueId Sum(ValueId x, std::vector<int64_t> axes) {
    return b_.Apply("reduce_sum", {x}, {{"axes", Attr(axes)}, {"keep_dims", Attr(false)}});
  }
  ValueId Spread(ValueId x) {
    return b_.Apply("broadcast_to", {x}, {{"dims", Attr(Shape{kSize, kSize})}});
  }

  ValueId Node() {
    const ValueId x = Any(), y = Any();
    switch (random_() % 12) {
      case 0:
        return b_.Apply("add", {x, y});
      case 1:
        return b_.Apply("sub", {x, y});
      case 2:
        return b_.Apply("mul", {x, y});
      case 3:
        return b_.Apply("tanh", {x});
      case 4:
        return b_.Apply("neg", {x});
      case 5:
      case 6:
        return b_.Apply("tanh", {Product(x, y)});
      case 7:
        return b_.Apply("add", {Product(x, y), Product(y, Any())});
      case 8:
        return b_.Apply("transpose", {x}, {{"permutation", Attr(std::vector<int64_t>{1, 0})}});
      case 9:
        return b_.Apply(
            "tanh", {b_.Apply("add", {x, Spread(Sum(y, {static_cast<int64_t>(random_() % 2)}))})});
      case 10: {
        const ValueId total = b_.Apply("add", {Sum(x, {0, 1}), Sum(Product(x, y), {0, 1})});
        return b_.Apply("mul", {x, b_.Apply("tanh", {total})});
      }
      default: {
        const ValueId flat =
            b_.Apply("reshape", {Product(x, y)}, {{"dims", Attr(Shape{2, 4, kSize})}});
        return b_.Apply("tanh", {b_.Apply("reshape", {b_.Apply("neg", {flat})},
                                          {{"dims", Attr(Shape{kSize, kSize})}})});
      }
    }
  }

  ValueId Product(ValueId x, ValueId y) {
    return b_.Apply(
        "matmul", {x, y},
        {{"transpose_a", Attr(random_() % 2 == 0)}, {"transpose_b", Attr(random_() % 2 == 0)}});
  }

  // Half of the values stay whole.
  void Cut(graph::Value* value) {
    const graph::Shape shape = graph::TypeOf(*value).shape;
    Sharding sharding = Replicated(shape.size());
    for (int axis = 0; axis < mesh_.axes() && !shape.empty(); ++axis) {
      if (random_() % 2 == 0) continue;
      AxisList& axes = sharding.dims[random_() % shape.size()];
      axes.push_back(axis);
      if (!Divides(axes, shape[static_cast<size_t>(&axes - sharding.dims.data())], mesh_))
        axes.pop_back();
    }
    SetSharding(sharding, mesh_, value);
  }

  std::mt19937 random_;
  const Mesh& mesh_;
  Builder b_;
  std::vector<ValueId> values_;
};

class FuzzTest : public testing::TestWithParam<std::string> {};

TEST_P(FuzzTest, RandomGraphs) {
  parallel::ParallelPlan plan;
  ASSERT_OK(ParseTextProto(GetParam() + " version: 2 microbatches: 1", "plan", &plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const Mesh mesh, Mesh::Create(plan));
  for (uint32_t seed = 0; seed < 120; ++seed) {
    const graph::Graph graph = Grower(seed, mesh).Grow(14);
    SCOPED_TRACE(absl::StrCat("seed ", seed, "\n", PrintGraph(graph)));
    std::mt19937 random(seed);
    std::vector<HostTensor> inputs;
    for (int i = 0; i < graph.inputs_size(); ++i) {
      std::vector<double> x(kSize * kSize);
      for (double& element : x) element = std::uniform_real_distribution<double>(-1, 1)(random);
      inputs.push_back(HostTensor::FromDoubles(chips::F64, {kSize, kSize}, x));
    }
    STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(graph, inputs));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto got, RunPartitioned(graph, plan, false, inputs));
    for (size_t o = 0; o < want.size(); ++o) {
      const std::vector<double> a = got[o].ToDoubles(), b = want[o].ToDoubles();
      ASSERT_EQ(a.size(), b.size());
      double scale = 1;
      for (double x : b) scale = std::max(scale, std::fabs(x));
      for (size_t i = 0; i < a.size(); ++i)
        ASSERT_LE(std::fabs(a[i] - b[i]), 1e-9 * scale) << "output " << o;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Meshes, FuzzTest,
                         testing::Values("mesh { name: 'dp' kind: DATA_PARALLEL size: 2 } mesh { "
                                         "name: 'tp' kind: TENSOR_PARALLEL size: 2 }",
                                         "mesh { name: 'tp' kind: TENSOR_PARALLEL size: 2 } mesh { "
                                         "name: 'ep' kind: EXPERT_PARALLEL size: 2 }",
                                         "mesh { name: 'tp' kind: TENSOR_PARALLEL size: 4 } mesh { "
                                         "name: 'cp' kind: CONTEXT_PARALLEL size: 2 }",
                                         "mesh { name: 'tp' kind: TENSOR_PARALLEL size: 2 } mesh { "
                                         "name: 'one' kind: DATA_PARALLEL size: 1 } mesh { name: "
                                         "'dp' kind: DATA_PARALLEL size: 2 } mesh { name: 'cp' "
                                         "kind: CONTEXT_PARALLEL size: 2 }"));

}  // namespace
}  // namespace strata::distributed
