// Every op of the registry, with its operands cut in every way that a seed gives, is what it is on one rank.
#include <cmath>
#include <random>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/partition/lockstep.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_cases.h"
#include "framework/graph/op_def.h"
#include "framework/graph/ops/all_ops.h"
#include "framework/graph/text.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;

parallel::ParallelPlan PlanOf(const std::vector<int>& sizes) {
  parallel::ParallelPlan plan;
  plan.set_version(2);
  plan.set_microbatches(1);
  const std::vector<std::pair<std::string, parallel::AxisKind>> kinds = {
      {"tp", parallel::TENSOR_PARALLEL}, {"cp", parallel::CONTEXT_PARALLEL}};
  for (size_t i = 0; i < sizes.size(); ++i) {
    auto* axis = plan.add_mesh();
    axis->set_name(kinds[i].first);
    axis->set_kind(kinds[i].second);
    axis->set_size(static_cast<uint32_t>(sizes[i]));
  }
  return plan;
}

// Random cuts, of dims that the axes divide; each axis at most once a value.
void Annotate(std::mt19937* random, const Mesh& mesh, graph::Value* value) {
  const graph::Shape shape = graph::TypeOf(*value).shape;
  Sharding sharding = Replicated(shape.size());
  for (int axis = 0; axis < mesh.axes() && !shape.empty(); ++axis) {
    const size_t d = (*random)() % (shape.size() + 1);
    if (d == shape.size()) continue;
    AxisList longer = sharding.dims[d];
    longer.push_back(axis);
    if (Divides(longer, shape[d], mesh)) sharding.dims[d] = longer;
  }
  SetSharding(sharding, mesh, value);
}

void ExpectClose(const HostTensor& got, const HostTensor& want, double tolerance) {
  ASSERT_EQ(got.TypeString(), want.TypeString());
  const std::vector<double> a = got.ToDoubles(), b = want.ToDoubles();
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    ASSERT_LE(std::fabs(a[i] - b[i]), tolerance * std::max(1.0, std::fabs(b[i])))
        << "element " << i;
  }
}

bool HasCollective(const graph::Graph& graph) {
  for (const graph::Node& node : graph.nodes()) {
    if (graph::OpRegistry::Get().Find(node.op())->op_class == graph::OpClass::kCollective)
      return true;
  }
  return false;
}

class OpSweep : public testing::TestWithParam<std::vector<int>> {};

TEST_P(OpSweep, PartitionedIsTheSame) {
  const parallel::ParallelPlan plan = PlanOf(GetParam());
  STRATA_ASSERT_OK_AND_ASSIGN(const Mesh mesh, Mesh::Create(plan));
  int cut = 0;
  for (const graph::OpCase& c : ::strata::graph::AllOpCases(chips::F64)) {
    if (HasCollective(c.graph)) continue;
    STRATA_ASSERT_OK_AND_ASSIGN(const auto sizes, graph::MatchInputs(c.graph, c.inputs));
    STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph bound, graph::BindSymbols(c.graph, sizes));
    std::vector<HostTensor> copies;
    for (const HostTensor& input : c.inputs) copies.push_back(input.Clone());
    STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(bound, copies));
    for (unsigned seed = 0; seed < 4; ++seed) {
      std::mt19937 random(seed);
      graph::Graph annotated = bound;
      for (graph::Value& value : *annotated.mutable_values()) Annotate(&random, mesh, &value);
      SCOPED_TRACE(absl::StrCat(c.name, " seed ", seed, "\n", PrintGraph(annotated)));
      STRATA_ASSERT_OK_AND_ASSIGN(const auto got, RunPartitioned(annotated, plan, false, c.inputs));
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < got.size(); ++i) ExpectClose(got[i], want[i], 4 * c.tolerance);
      ++cut;
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(cut, 500);
}

INSTANTIATE_TEST_SUITE_P(Meshes, OpSweep,
                         testing::Values(std::vector<int>{2}, std::vector<int>{3},
                                         std::vector<int>{2, 2}),
                         [](const auto& info) {
                           return info.param.size() == 2 ? std::string("2x2")
                                                         : absl::StrCat(info.param[0]);
                         });

}  // namespace
}  // namespace strata::distributed
