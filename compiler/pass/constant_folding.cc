#include "compiler/pass/constant_folding.h"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "compiler/pass/rewriter.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::Node;
using graph::OpClass;
using graph::TensorType;

// Applies an elementwise op to one element of each constant, by the op's own reference kernel.
std::optional<double> FoldElementwise(const Rewriter& rewriter, const Node& node,
                                      const std::vector<double>& splats) {
  std::vector<graph::HostTensor> scalars;
  for (size_t i = 0; i < splats.size(); ++i) {
    const TensorType type = rewriter.type(node.inputs(static_cast<int>(i)));
    scalars.push_back(graph::HostTensor::FromDoubles(type.dtype, {}, {splats[i]}));
  }
  absl::StatusOr<std::vector<graph::HostTensor>> result = graph::EvaluateNode(node, scalars);
  if (!result.ok() || result->size() != 1) return std::nullopt;
  return (*result)[0].ToDoubles()[0];
}

// What a sum or maximum over equal elements is. Sums round once, as a sum of exact products would.
std::optional<double> FoldReduction(const Rewriter& rewriter, const Node& node, double splat) {
  const TensorType from = rewriter.type(node.inputs(0));
  const TensorType to = rewriter.type(node.outputs(0));
  if (!from.concrete() || !to.concrete() || from.elements() == 0 || to.elements() == 0)
    return std::nullopt;
  if (node.op() == "reduce_max" || node.op() == "reduce_mean") return splat;
  if (node.op() != "reduce_sum" && node.op() != "sum_to") return std::nullopt;
  const double sum = splat * static_cast<double>(from.elements() / to.elements());
  return graph::HostTensor::FromDoubles(to.dtype, {}, {sum}).ToDoubles()[0];
}

std::optional<double> FoldMovement(const Node& node, const std::vector<double>& splats) {
  for (double splat : splats) {
    if (splat != splats[0]) return std::nullopt;
  }
  if (node.op() == "pad" && splats[0] != 0.0) return std::nullopt;
  return splats[0];
}

// The number that every element of the node's result is; nothing when it cannot be told.
std::optional<double> Fold(const Rewriter& rewriter, const Node& node) {
  const graph::OpDef* def = graph::OpRegistry::Get().Find(node.op());
  if (def == nullptr || !def->deterministic || node.inputs_size() == 0 || node.outputs_size() != 1)
    return std::nullopt;
  std::vector<double> splats;
  for (uint32_t input : node.inputs()) {
    const std::optional<double> splat = rewriter.Splat(rewriter.Resolve(input));
    if (!splat.has_value()) return std::nullopt;
    splats.push_back(*splat);
  }
  if (node.op() == "sum_to") return FoldReduction(rewriter, node, splats[0]);
  if (node.op() == "broadcast_to") return splats[0];
  switch (def->op_class) {
    case OpClass::kElementwise:
      return FoldElementwise(rewriter, node, splats);
    case OpClass::kReduction:
      return FoldReduction(rewriter, node, splats[0]);
    case OpClass::kView:
    case OpClass::kMovement:
      return FoldMovement(node, splats);
    default:
      return std::nullopt;
  }
}

class ConstantFolding : public Pass {
 public:
  absl::string_view name() const override { return "constant_folding"; }

  absl::StatusOr<bool> Run(const PassContext&, graph::Graph* graph) override {
    Rewriter rewriter(graph);
    for (const Node& node : graph->nodes()) {
      const std::optional<double> splat = Fold(rewriter, node);
      // The text form and the attribute hold finite doubles; beyond 2^53 they would not hold every
      // integer.
      if (!splat.has_value() || !std::isfinite(*splat) || std::abs(*splat) > 9007199254740992.0) {
        rewriter.Keep(node);
        continue;
      }
      const TensorType type = rewriter.type(node.outputs(0));
      Node constant;
      constant.set_op("constant");
      constant.add_outputs(node.outputs(0));
      constant.set_origin(node.origin());
      graph::SetAttributes({{"value", graph::Attr(*splat)},
                            {"dtype", graph::Attr(type.dtype)},
                            {"dims", graph::Attr(type.shape)}},
                           &constant);
      rewriter.Keep(std::move(constant));
      rewriter.MarkChanged();
    }
    return rewriter.Finish(graph);
  }
};

}  // namespace

std::unique_ptr<Pass> CreateConstantFolding() { return std::make_unique<ConstantFolding>(); }

}  // namespace strata::compiler
