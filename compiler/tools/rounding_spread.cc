#include "compiler/tools/rounding_spread.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/pass/pass.h"
#include "compiler/tools/graph_edit.h"
#include "compiler/tools/op_rounding.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::HostTensor;
using graph::Node;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Runs are few and a result may be lucky in all of them.
constexpr double kSafety = 4;
class Perturbed {
 public:
  Perturbed(const Graph& graph, absl::Span<const HostTensor> inputs)
      : graph_(graph), inputs_(inputs) {}

  // The outputs, with every result moved at random (`random` null: not at all).
  absl::StatusOr<std::vector<HostTensor>> Run(std::mt19937* random) const {
    std::vector<HostTensor> values(static_cast<size_t>(graph_.values_size()));
    for (int i = 0; i < graph_.inputs_size(); ++i)
      values[graph_.inputs(i).value()] = inputs_[static_cast<size_t>(i)];
    for (const Node& node : graph_.nodes()) {
      std::vector<HostTensor> operands;
      for (uint32_t id : node.inputs()) operands.push_back(values[id]);
      STRATA_ASSIGN_OR_RETURN(std::vector<HostTensor> results, graph::EvaluateNode(node, operands));
      for (int k = 0; k < node.outputs_size(); ++k) {
        HostTensor& result = results[static_cast<size_t>(k)];
        if (random != nullptr)
          STRATA_RETURN_IF_ERROR(MoveWithinRounding(node, operands, k, random, &result));
        values[node.outputs(k)] = std::move(result);
      }
    }
    std::vector<HostTensor> outputs;
    for (const auto& output : graph_.outputs()) outputs.push_back(values[output.value()]);
    return outputs;
  }

 private:
  const Graph& graph_;
  absl::Span<const HostTensor> inputs_;
};

// Composites and regions taken apart: each rounding is seen.
absl::StatusOr<Graph> Primitives(Graph graph) {
  for (int n = 0; n < graph.nodes_size();) {
    if (graph.nodes(n).regions_size() == 0) {
      ++n;
      continue;
    }
    STRATA_ASSIGN_OR_RETURN(graph, InlineRegion(graph, n));
    n = 0;
  }
  STRATA_RETURN_IF_ERROR(RunPipeline({"decompose"}, PassContext(), &graph));
  return graph;
}

// Unlike results of one element: no tolerance bridges them.
bool Unlike(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) != std::isnan(b);
  return a != b && (std::isinf(a) || std::isinf(b));
}

// How far the runs are apart at each element.
std::vector<double> DistancesOf(const std::vector<double>& center,
                                const std::vector<std::vector<double>>& runs) {
  std::vector<double> distance(center.size(), 0);
  for (const std::vector<double>& run : runs) {
    for (size_t i = 0; i < center.size(); ++i) {
      if (Unlike(center[i], run[i])) {
        distance[i] = kInfinity;
      } else if (std::isfinite(center[i])) {
        distance[i] = std::max(distance[i], std::fabs(run[i] - center[i]));
      }
    }
  }
  return distance;
}

std::vector<double> AllowedFrom(const std::vector<double>& center,
                                const std::vector<double>& distance, double epsilon) {
  double squares = 0;
  int64_t finite = 0;
  for (double d : distance) {
    if (!std::isfinite(d)) continue;
    squares += d * d;
    ++finite;
  }
  const double typical = finite > 0 ? std::sqrt(squares / static_cast<double>(finite)) : 0;
  std::vector<double> allowed(center.size());
  for (size_t i = 0; i < center.size(); ++i) {
    if (!std::isfinite(center[i]) || !std::isfinite(distance[i])) {
      allowed[i] = std::isfinite(distance[i]) ? 0 : kInfinity;
      continue;
    }
    // 1e-36: numbers below the normal ones may be zero.
    allowed[i] = kSafety * (distance[i] + typical / 2) +
                 kRoundingUnits * epsilon * std::fabs(center[i]) + (epsilon > 0 ? 1e-36 : 0);
  }
  return allowed;
}

}  // namespace

absl::StatusOr<Spread> RoundingSpread(const Graph& graph, absl::Span<const HostTensor> inputs,
                                      const SpreadOptions& options) {
  RegisterAllPasses();
  Spread spread;
  std::vector<HostTensor> own;
  for (const HostTensor& input : inputs) own.push_back(input.Clone());
  STRATA_ASSIGN_OR_RETURN(spread.outputs, graph::Interpreter().Evaluate(graph, own));

  STRATA_ASSIGN_OR_RETURN(const Graph primitives, Primitives(graph));
  std::map<std::string, HostTensor> by_name;
  for (int i = 0; i < graph.inputs_size(); ++i)
    by_name[graph.values(static_cast<int>(graph.inputs(i).value())).name()] =
        inputs[static_cast<size_t>(i)];
  std::vector<HostTensor> left;  // inputs that the primitives still read
  for (const auto& input : primitives.inputs())
    left.push_back(by_name[primitives.values(static_cast<int>(input.value())).name()]);
  const Perturbed perturbed(primitives, left);
  std::mt19937 random(options.seed);
  std::vector<std::vector<std::vector<double>>> runs(spread.outputs.size());  // by output, run
  for (int r = 0; r <= options.runs; ++r) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> outputs,
                            perturbed.Run(r == 0 ? nullptr : &random));
    for (size_t o = 0; o < outputs.size(); ++o) runs[o].push_back(outputs[o].ToDoubles());
  }
  for (size_t o = 0; o < spread.outputs.size(); ++o) {
    const std::vector<double> center = spread.outputs[o].ToDoubles();
    spread.allowed.push_back(
        AllowedFrom(center, DistancesOf(center, runs[o]), EpsilonOf(spread.outputs[o].dtype())));
  }
  return spread;
}

std::string FirstOutside(const Spread& spread, size_t index, const HostTensor& got) {
  const HostTensor& want = spread.outputs[index];
  if (got.TypeString() != want.TypeString())
    return absl::StrCat("is ", got.TypeString(), "; expected ", want.TypeString());
  const std::vector<double> a = got.ToDoubles(), b = want.ToDoubles();
  for (size_t i = 0; i < a.size(); ++i) {
    const double allowed = spread.allowed[index][i];
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])) || allowed == kInfinity) continue;
    if (!Unlike(a[i], b[i]) && std::fabs(a[i] - b[i]) <= allowed) continue;
    return absl::StrCat("element ", i, " of ", want.TypeString(), " is ", a[i], "; expected ", b[i],
                        " +- ", allowed);
  }
  return "";
}

}  // namespace strata::compiler
