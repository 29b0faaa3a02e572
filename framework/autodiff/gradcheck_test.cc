// Every op's gradient against central differences, in float64, on every case of the sweep.
#include <algorithm>
#include <cmath>
#include <set>

#include "base/status_matchers.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_cases.h"
#include "gtest/gtest.h"

namespace strata::framework {
namespace {

using graph::Attr;
using graph::Builder;
using graph::HostTensor;
using graph::Interpreter;
using graph::kNoValue;
using graph::OpCase;
using graph::OpDef;
using graph::OpRegistry;
using graph::ValueId;

// The step: the truncation error of a central difference grows with h^2, the rounding error with eps/h.
constexpr double kStep = 1e-5;
constexpr int64_t kMaxProbes = 48;  // elements looked at of one input, spread over it

// Has a float result, and gradients all the way to it.
bool Differentiable(const OpCase& c) {
  const bool has_float =
      std::any_of(c.graph.outputs().begin(), c.graph.outputs().end(), [&](const auto& output) {
        return chips::IsFloat(c.graph.values(static_cast<int>(output.value())).dtype());
      });
  return has_float &&
         std::all_of(c.graph.nodes().begin(), c.graph.nodes().end(), [](const graph::Node& node) {
           return node.inputs_size() == 0 || OpRegistry::Get().Find(node.op())->gradient;
         });
}

// What attention says about its row statistic, and a cache's start: no gradient by design.
bool IsRefused(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnimplemented;
}

// Fixed pseudo-random weights of a shape known when the graph runs: sin(3 i + 1) over all indices' sum i.
ValueId Weights(Builder& b, const graph::TensorType& type) {
  ValueId angle = b.Constant(1.0, type.dtype, type.shape);
  for (int64_t axis = 0; axis < type.rank(); ++axis) {
    const ValueId index =
        b.Apply("iota", {},
                {{"dtype", Attr(type.dtype)}, {"dims", Attr(type.shape)}, {"axis", Attr(axis)}});
    angle = b.Apply(
        "add",
        {angle,
         b.Apply("mul", {index, b.Constant(1.3 * static_cast<double>(axis + 1), type.dtype)})});
  }
  return b.Apply("sin", {angle});
}

// Sum of (outputs * weights), over the first output only or over all float outputs.
ValueId AddLoss(Builder& b, const graph::Graph& graph, bool all_outputs) {
  ValueId loss = kNoValue;
  for (const auto& output : graph.outputs()) {
    const graph::TensorType type = b.type(output.value());
    if (!chips::IsFloat(type.dtype)) continue;
    std::vector<int64_t> axes;
    for (int64_t axis = 0; axis < type.rank(); ++axis) axes.push_back(axis);
    const ValueId weighted = b.Apply("mul", {output.value(), Weights(b, type)});
    const ValueId sum =
        b.Apply("reduce_sum", {weighted}, {{"axes", Attr(axes)}, {"keep_dims", Attr(false)}});
    loss = loss == kNoValue ? sum : b.Apply("add", {loss, sum});
    if (!all_outputs) break;
  }
  return loss;
}

// A graph of the loss alone, and one of the gradients of all float inputs.
struct Differentiated {
  graph::Graph loss;
  graph::Graph gradients;
  std::vector<size_t> inputs;  // which input each gradient belongs to
};

absl::StatusOr<Differentiated> Differentiate(const OpCase& c, bool all_outputs) {
  graph::Graph bare = c.graph;
  bare.clear_outputs();
  Differentiated result;
  Builder forward(bare);
  const ValueId loss = AddLoss(forward, c.graph, all_outputs);
  Builder backward(forward.graph());
  forward.Output(loss, "loss");
  STRATA_ASSIGN_OR_RETURN(result.loss, std::move(forward).Build());

  std::vector<ValueId> wrt;
  for (int i = 0; i < bare.inputs_size(); ++i) {
    if (!chips::IsFloat(backward.type(bare.inputs(i).value()).dtype)) continue;
    wrt.push_back(bare.inputs(i).value());
    result.inputs.push_back(static_cast<size_t>(i));
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<ValueId> gradients, Gradients(backward, loss, wrt));
  for (size_t i = 0; i < gradients.size(); ++i) backward.Output(gradients[i], absl::StrCat("g", i));
  STRATA_ASSIGN_OR_RETURN(result.gradients, std::move(backward).Build());
  return result;
}

double LossAt(const graph::Graph& graph, const std::vector<HostTensor>& inputs) {
  const auto results = Interpreter().Evaluate(graph, inputs);
  EXPECT_OK(results);
  return results.ok() ? (*results)[0].data<double>()[0] : std::nan("");
}

void CheckInput(const Differentiated& d, const std::vector<HostTensor>& inputs, size_t input,
                const HostTensor& gradient) {
  ASSERT_EQ(gradient.TypeString(), inputs[input].TypeString());
  std::vector<HostTensor> moved = inputs;
  moved[input] = inputs[input].Clone();
  const int64_t count = gradient.elements();
  const int64_t stride = std::max<int64_t>(1, count / kMaxProbes);
  for (int64_t i = 0; i < count; i += stride) {
    double& x = moved[input].data<double>()[i];
    const double at = x;
    x = at + kStep;
    const double above = LossAt(d.loss, moved);
    x = at - kStep;
    const double below = LossAt(d.loss, moved);
    x = at;
    const double numeric = (above - below) / (2 * kStep);
    const double got = gradient.data<double>()[i];
    // 1e-7 covers the third derivative times h^2 and |loss| eps / h of these cases.
    ASSERT_NEAR(got, numeric, 1e-7 * std::max({1.0, std::fabs(numeric), std::fabs(above)}))
        << "input " << input << ", element " << i;
  }
}

TEST(Gradcheck, EveryOpAgainstCentralDifferences) {
  int checked = 0;
  for (const OpCase& c : graph::AllOpCases(chips::F64)) {
    SCOPED_TRACE(c.name);
    if (!Differentiable(c)) continue;
    absl::StatusOr<Differentiated> d = Differentiate(c, /*all_outputs=*/true);
    if (IsRefused(d.status())) d = Differentiate(c, /*all_outputs=*/false);
    if (IsRefused(d.status())) continue;
    ASSERT_OK(d);
    STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<HostTensor> gradients,
                                Interpreter().Evaluate(d->gradients, c.inputs));
    for (size_t i = 0; i < d->inputs.size(); ++i) {
      CheckInput(*d, c.inputs, d->inputs[i], gradients[i]);
      ++checked;
    }
  }
  EXPECT_GT(checked, 150);
}

// Every op with a gradient is really looked at: some case differentiates it without a refusal.
TEST(Gradcheck, NoOpWithAGradientIsLeftOut) {
  std::set<std::string> covered;
  for (const OpCase& c : graph::AllOpCases(chips::F64)) {
    if (!Differentiable(c)) continue;
    absl::StatusOr<Differentiated> d = Differentiate(c, true);
    if (!d.ok()) d = Differentiate(c, false);
    if (!d.ok() || d->inputs.empty()) continue;
    for (const graph::Node& node : c.graph.nodes()) covered.insert(node.op());
  }
  for (const std::string& op : OpRegistry::Get().Names()) {
    if (!OpRegistry::Get().Find(op)->gradient) continue;
    EXPECT_EQ(covered.count(op), 1u) << op;
  }
}

}  // namespace
}  // namespace strata::framework
