#include "compiler/tools/rounding_spread.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "chips/numerics/dtype.h"
#include "compiler/pass/pass.h"
#include "compiler/tools/graph_edit.h"
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
// Units in the last place that one elementary function or one rounding may err by.
constexpr double kUnits = 3;

double EpsilonOf(chips::DType dtype) {
  switch (dtype) {
    case chips::F64:
      return 0x1p-52;
    case chips::F32:
      return 0x1p-23;
    case chips::F16:
      return 0x1p-10;
    case chips::BF16:
      return 0x1p-7;
    default:
      return 0;
  }
}

// Ops whose terms are the products or elements of their operands, so that the op on magnitudes adds up the terms'.
bool IsSum(const std::string& op) {
  static const std::set<std::string> kOps = {"reduce_sum",
                                             "sum_to",
                                             "matmul",
                                             "contract_leading",
                                             "embedding_gradient",
                                             "grouped_contract",
                                             "grouped_matmul",
                                             "moe_combine",
                                             "moe_dispatch",
                                             "moe_weight_gradient",
                                             "conv2d",
                                             "conv2d_gradient_input",
                                             "conv2d_gradient_weight"};
  return kOps.count(op) != 0;
}

// Ops that are not taken apart and whose inner steps may cancel.
bool IsOpaque(const std::string& op) {
  static const std::set<std::string> kOps = {"attention", "attention_gradient", "cross_entropy",
                                             "cross_entropy_gradient", "paged_attention"};
  return kOps.count(op) != 0;
}

// Ops that only move or pick elements.
bool IsExact(const std::string& op) {
  static const std::set<std::string> kOps = {
      "reshape",   "transpose",    "slice",       "pad",   "concat", "constant",   "iota",
      "select",    "neg",          "abs",         "max",   "min",    "reduce_max", "broadcast_to",
      "embedding", "cache_update", "cache_write", "top_k", "relu"};
  return kOps.count(op) != 0;
}

// How many roundings add up in one element of the result.
double TermsOf(const Node& node, const std::vector<HostTensor>& operands,
               const HostTensor& result) {
  if (node.op() == "embedding_gradient") return static_cast<double>(operands[0].elements());
  if (!IsSum(node.op()) && !IsOpaque(node.op())) return 0;
  if (node.op().rfind("conv2d", 0) == 0)  // all but the channels of w, or the places of dy
    return static_cast<double>(operands[1].elements() /
                               std::max<int64_t>(1, operands[1].dims().back()));
  if (node.op() == "moe_dispatch") return static_cast<double>(operands[1].elements());
  double elements = 0;
  for (const HostTensor& operand : operands)
    elements = std::max(elements, static_cast<double>(operand.elements()));
  const bool reduces = node.op() == "reduce_sum" || node.op() == "sum_to";
  if (reduces) return elements / static_cast<double>(std::max<int64_t>(1, result.elements()));
  double longest = 1;  // matrices: what is summed over is a dim, or all leading dims, of an operand
  for (const HostTensor& operand : operands) {
    double dims = 1;
    for (int64_t dim : operand.dims()) dims = std::max(dims, static_cast<double>(dim));
    if (node.op() == "contract_leading" && operand.rank() > 0)
      dims = static_cast<double>(operand.elements() / std::max<int64_t>(1, operand.dims().back()));
    longest = std::max(longest, dims);
  }
  return longest;
}

double LargestOf(const HostTensor& tensor) {
  double largest = 0;
  for (double value : tensor.ToDoubles()) {
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  }
  return largest;
}

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
        if (random != nullptr) STRATA_RETURN_IF_ERROR(Move(node, operands, k, random, &result));
        values[node.outputs(k)] = std::move(result);
      }
    }
    std::vector<HostTensor> outputs;
    for (const auto& output : graph_.outputs()) outputs.push_back(values[output.value()]);
    return outputs;
  }

 private:
  static absl::Status Move(const Node& node, const std::vector<HostTensor>& operands, int k,
                           std::mt19937* random, HostTensor* result) {
    const double epsilon = EpsilonOf(result->dtype());
    if (epsilon == 0 || IsExact(node.op())) return absl::OkStatus();
    std::vector<double> values = result->ToDoubles(), reach = values;
    if (IsSum(node.op())) {
      STRATA_ASSIGN_OR_RETURN(reach, Magnitudes(node, operands, k));
    }
    if (IsOpaque(node.op())) {
      double bound = 1;
      for (const HostTensor& operand : operands) {
        if (chips::IsFloat(operand.dtype())) bound *= std::max(1.0, LargestOf(operand));
      }
      reach.assign(values.size(), bound);
    }
    std::uniform_real_distribution<double> uniform(-1, 1);
    const double amplitude = epsilon * (kUnits + TermsOf(node, operands, *result) / 4);
    for (size_t i = 0; i < values.size(); ++i) {
      const double most = std::max(std::fabs(values[i]), std::fabs(reach[i]));
      if (std::isfinite(most)) values[i] += amplitude * uniform(*random) * most;
    }
    // A tensor of its own: the result may share storage with an operand.
    *result = HostTensor::FromDoubles(result->dtype(), result->dims(), values);
    return absl::OkStatus();
  }

  // The sum of the terms' magnitudes: the op on the operands' magnitudes.
  static absl::StatusOr<std::vector<double>> Magnitudes(const Node& node,
                                                        const std::vector<HostTensor>& operands,
                                                        int k) {
    std::vector<HostTensor> sizes;
    for (const HostTensor& operand : operands) {
      if (!chips::IsFloat(operand.dtype()) && operand.dtype() != chips::I8) {  // ids
        sizes.push_back(operand);
        continue;
      }
      std::vector<double> values = operand.ToDoubles();
      for (double& value : values) value = std::fabs(value);
      sizes.push_back(HostTensor::FromDoubles(operand.dtype(), operand.dims(), values));
    }
    STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> results,
                            graph::EvaluateNode(node, sizes));
    return results[static_cast<size_t>(k)].ToDoubles();
  }

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
    // 1e-36: numbers below the normal ones may be zero.
    allowed[i] = kSafety * (distance[i] + typical / 2) + kUnits * epsilon * std::fabs(center[i]) +
                 (epsilon > 0 ? 1e-36 : 0);
    if (!std::isfinite(center[i]) && std::isfinite(distance[i])) allowed[i] = 0;
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
