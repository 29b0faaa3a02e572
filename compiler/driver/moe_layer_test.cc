// A mixture of experts compiled, forward and backward: the interpreter's numbers, and no op of it left to the host.
#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/driver/compiled_evaluator.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/interpreter.h"
#include "framework/nn/moe.h"

namespace strata::compiler {
namespace {

using framework::Tensor;
using graph::Builder;
using graph::HostTensor;

constexpr int64_t G = 2, N = 24, C = 20, F = 33, E = 5;

struct Layer {
  graph::Graph graph;
  std::vector<HostTensor> inputs;
};

absl::StatusOr<Layer> MakeLayer(framework::ExpertForm form) {
  Builder b("moe");
  framework::ParameterSet parameters(b, chips::F32);
  framework::MoeOptions options;
  options.name = "moe";
  options.width = C;
  options.hidden = F;
  options.router.experts = E;
  options.router.renormalize = true;
  options.router.init = options.init = options.down_init = framework::Init::Normal(0.4);
  options.form = form;
  options.capacity_factor = 1;
  options.shared_hidden = 9;
  const framework::Moe moe(parameters, options);
  const Tensor x = framework::Input(b, "x", {chips::F32, {G, N, C}}, graph::DATA);
  const framework::MoeOutput out = moe.Forward(x);
  const Tensor loss = framework::Mean(framework::Square(out.y)) +
                      framework::LoadBalanceLoss(out.routing.scores, out.load) * 0.1 +
                      framework::RouterZLoss(out.routing.logits) * 0.01;
  std::vector<graph::ValueId> wrt = parameters.ids();
  wrt.push_back(x.id());
  STRATA_ASSIGN_OR_RETURN(const auto gradients, framework::Gradients(b, loss.id(), wrt));
  b.Output(loss.id(), "loss");
  b.Output(out.y.id(), "y");
  for (graph::ValueId id : gradients) b.Output(id, absl::StrCat("g", b.graph().outputs_size()));
  Layer layer;
  for (const auto& spec : parameters.specs())
    layer.inputs.push_back(framework::InitParameter(spec, 2));
  layer.inputs.push_back(
      framework::InitParameter({"x", {G, N, C}, chips::F32, framework::Init::Normal(1)}, 3));
  STRATA_ASSIGN_OR_RETURN(layer.graph, std::move(b).Build());
  return layer;
}

class MoeLayerTest : public ::testing::TestWithParam<framework::ExpertForm> {};

TEST_P(MoeLayerTest, CompiledIsInterpreted) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Layer layer, MakeLayer(GetParam()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want,
                              graph::Interpreter().Evaluate(layer.graph, layer.inputs));
  CompiledEvaluator::Options options;
  options.device_options.threads = 2;
  STRATA_ASSERT_OK_AND_ASSIGN(const auto compiled, CompiledEvaluator::Create(options));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, compiled->Evaluate(layer.graph, layer.inputs));
  ASSERT_EQ(got.size(), want.size());
  for (size_t o = 0; o < want.size(); ++o) {
    const std::vector<double> a = got[o].ToDoubles(), b = want[o].ToDoubles();
    double largest = 1e-2;
    for (double value : b) largest = std::max(largest, std::fabs(value));
    // A rounding a term of the longest sums (all tokens, features) and of 64 steps more.
    for (size_t i = 0; i < b.size(); ++i) {
      ASSERT_NEAR(a[i], b[i], 0x1p-23 * static_cast<double>(G * N + C + F + 64) * largest)
          << "output " << o << " element " << i;
    }
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const auto* loaded, compiled->Load(layer.graph, {}));
  for (const plan::Step& step : loaded->plan.steps()) EXPECT_FALSE(step.has_host_call());
}

INSTANTIATE_TEST_SUITE_P(Forms, MoeLayerTest,
                         ::testing::Values(framework::ExpertForm::kDense,
                                           framework::ExpertForm::kCapacity,
                                           framework::ExpertForm::kGrouped),
                         [](const auto& info) {
                           return std::string(info.param == framework::ExpertForm::kDense ? "dense"
                                              : info.param == framework::ExpertForm::kCapacity
                                                  ? "capacity"
                                                  : "grouped");
                         });

}  // namespace
}  // namespace strata::compiler
