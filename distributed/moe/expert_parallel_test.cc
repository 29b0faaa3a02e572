// A mixture cut over ranks by annotations alone is the mixture on one device: its results, what it drops, and all
// gradients; and its tokens move by two all-to-alls, forward and back.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/partition/lockstep.h"
#include "distributed/partition/propagate.h"
#include "distributed/partition/spmd.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/interpreter.h"
#include "framework/nn/moe.h"
#include "google/protobuf/text_format.h"

namespace strata::distributed {
namespace {

using framework::ExpertForm;
using framework::Tensor;
using graph::Builder;
using graph::HostTensor;
using ::testing::HasSubstr;

constexpr int64_t G = 4, N = 6, C = 8, F = 4, E = 4;

constexpr char kExperts[] = R"(
  shardings { tensor: 'moe.experts.gate' axes: 'ep' axes: '' axes: '' }
  shardings { tensor: 'moe.experts.up' axes: 'ep' axes: '' axes: '' }
  shardings { tensor: 'moe.experts.down' axes: 'ep' axes: '' axes: '' } )";

std::string Ep(int ranks) {
  return absl::StrCat("mesh { name: 'ep' kind: EXPERT_PARALLEL size: ", ranks, " } ");
}

parallel::ParallelPlan PlanOf(const std::string& text) {
  parallel::ParallelPlan plan;
  EXPECT_TRUE(
      google::protobuf::TextFormat::ParseFromString(text + " version: 2 microbatches: 1", &plan))
      << text;
  return plan;
}

struct Layer {
  graph::Graph graph;
  std::vector<HostTensor> inputs;
};

// Outputs: the loss, y, the load of each group, and the gradients of x and of the parameters. float64.
Layer MakeLayer(ExpertForm form, double factor) {
  Builder b("moe");
  framework::ParameterSet parameters(b, chips::F64);
  framework::MoeOptions options;
  options.name = "moe";
  options.width = C;
  options.hidden = F;
  options.router.experts = E;
  options.router.init = options.init = options.down_init = framework::Init::Normal(0.7);
  options.form = form;
  options.capacity_factor = factor;
  const framework::Moe moe(parameters, options);
  const Tensor x = framework::Input(b, "x", {chips::F64, {G, N, C}}, graph::DATA);
  const framework::MoeOutput out = moe.Forward(x);
  const Tensor loss = framework::Mean(framework::Square(out.y)) +
                      framework::LoadBalanceLoss(out.routing.scores, out.load, false) * 0.1 +
                      framework::RouterZLoss(out.routing.logits) * 0.1;
  std::vector<graph::ValueId> wrt = parameters.ids();
  wrt.push_back(x.id());
  const auto gradients = framework::Gradients(b, loss.id(), wrt);
  EXPECT_OK(gradients);
  b.Output(loss.id(), "loss");
  b.Output(out.y.id(), "y");
  b.Output(out.load.id(), "load");
  for (graph::ValueId id : *gradients) b.Output(id, absl::StrCat("g", b.graph().outputs_size()));
  Layer layer;
  for (const auto& spec : parameters.specs())
    layer.inputs.push_back(framework::InitParameter(spec, 7));
  layer.inputs.push_back(
      framework::InitParameter({"x", {G, N, C}, chips::F64, framework::Init::Normal(1)}, 8));
  auto graph = std::move(b).Build();
  EXPECT_OK(graph);
  if (graph.ok()) layer.graph = *std::move(graph);
  return layer;
}

// Roundings of sums in another order: one a term of the longest (tokens of all groups, features), 64 steps beside.
void ExpectSame(const Layer& layer, const std::string& plan) {
  SCOPED_TRACE(plan);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want,
                              graph::Interpreter().Evaluate(layer.graph, layer.inputs));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got,
                              RunPartitioned(layer.graph, PlanOf(plan), true, layer.inputs));
  ASSERT_EQ(got.size(), want.size());
  for (size_t o = 0; o < want.size(); ++o) {
    const std::vector<double> a = got[o].ToDoubles(), b = want[o].ToDoubles();
    double largest = 1;
    for (double value : b) largest = std::max(largest, std::fabs(value));
    const double epsilon = o == 2 ? 0 : 0x1p-53;  // loads are counted
    for (size_t i = 0; i < b.size(); ++i) {
      ASSERT_NEAR(a[i], b[i], epsilon * 16 * largest * (G * N + C + F + 64))
          << "output " << o << " element " << i;
    }
  }
}

TEST(ExpertParallelTest, BuffersOfACapacity) {
  for (const double factor : {0.0, 0.5, 1.25}) {  // drop-less; drops much; drops a little
    const Layer layer = MakeLayer(ExpertForm::kCapacity, factor);
    for (int ranks : {2, 4}) ExpectSame(layer, absl::StrCat(Ep(ranks), kExperts));
  }
}

TEST(ExpertParallelTest, WithDataAndTensorParallel) {
  const Layer layer = MakeLayer(ExpertForm::kCapacity, 0.75);
  const std::string dp = "mesh { name: 'dp' kind: DATA_PARALLEL size: 2 } ";
  const std::string tp = "mesh { name: 'tp' kind: TENSOR_PARALLEL size: 2 } ";
  ExpectSame(layer, absl::StrCat(dp, Ep(2), kExperts));
  ExpectSame(layer, absl::StrCat(dp, Ep(2), kExperts, "zero: ZERO_3"));
  ExpectSame(layer, absl::StrCat(Ep(2), tp, R"(
      shardings { tensor: 'moe.experts.gate' axes: 'ep' axes: '' axes: 'tp' }
      shardings { tensor: 'moe.experts.up' axes: 'ep' axes: '' axes: 'tp' }
      shardings { tensor: 'moe.experts.down' axes: 'ep' axes: 'tp' axes: '' } )"));
}

TEST(ExpertParallelTest, SortedRowsOnRanksWithAllExperts) {
  const Layer layer = MakeLayer(ExpertForm::kGrouped, 0);
  ExpectSame(layer, "mesh { name: 'dp' kind: DATA_PARALLEL size: 4 } ");
  ExpectSame(layer, R"(mesh { name: 'tp' kind: TENSOR_PARALLEL size: 2 }
      shardings { tensor: 'moe.experts.gate' axes: '' axes: '' axes: 'tp' }
      shardings { tensor: 'moe.experts.up' axes: '' axes: '' axes: 'tp' }
      shardings { tensor: 'moe.experts.down' axes: '' axes: 'tp' axes: '' } )");
}

TEST(ExpertParallelTest, TokensMoveByAllToAll) {
  const Layer layer = MakeLayer(ExpertForm::kCapacity, 1.25);
  const parallel::ParallelPlan plan = PlanOf(absl::StrCat(Ep(4), kExperts));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph annotated, AssignShardings(layer.graph, plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph mine, PartitionSpmd(annotated, plan));
  int all_to_alls = 0;
  for (const graph::Node& node : mine.nodes()) {
    all_to_alls += node.op() == "all_to_all" ? 1 : 0;
    EXPECT_NE(node.op(), "reduce_scatter");
    if (node.op() != "all_gather")
      continue;  // of experts' gradients only: this graph gives them out whole
    EXPECT_THAT(mine.values(static_cast<int>(node.outputs(0))).gradient_of(),
                HasSubstr("moe.experts."));
  }
  EXPECT_EQ(all_to_alls, 4);  // to the experts and back, and the gradients the same
}

}  // namespace
}  // namespace strata::distributed
