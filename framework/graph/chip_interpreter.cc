#include "framework/graph/chip_interpreter.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "framework/graph/chip_products.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_def.h"
#include "framework/graph/ops/all_ops.h"
#include "framework/graph/ops/index.h"
#include "framework/graph/ops/op_util.h"
#include "framework/graph/verifier.h"

namespace strata::graph {
namespace {

using chips::Format;

OpCall CallOf(const Node& node, absl::Span<const HostTensor> in) {
  OpCall call{&node, {}, {}};
  for (const HostTensor& input : in) {
    call.inputs.push_back({input.dtype(), Shape(input.dims().begin(), input.dims().end())});
  }
  return call;
}

// The result's type; the node has been verified.
absl::StatusOr<TensorType> ResultType(const Node& node, absl::Span<const HostTensor> in) {
  STRATA_ASSIGN_OR_RETURN(const OpDef* def, OpRegistry::Get().Lookup(node.op()));
  STRATA_ASSIGN_OR_RETURN(const std::vector<TensorType> types, InferTypes(*def, CallOf(node, in)));
  return types[0];
}

absl::StatusOr<std::vector<HostTensor>> RoundedTo(const Node& node, absl::Span<const HostTensor> in,
                                                  const ProductOr& values) {
  STRATA_RETURN_IF_ERROR(values.status());
  STRATA_ASSIGN_OR_RETURN(const TensorType type, ResultType(node, in));
  return std::vector<HostTensor>{HostTensor::FromDoubles(
      type.dtype, type.dims(), std::vector<double>(values->begin(), values->end()))};
}

using ProductFunction = ProductOr (*)(const ChipArithmetic&, Format, const Node&,
                                      absl::Span<const HostTensor>);

// Null for an op that is no product.
ProductFunction ProductOf(absl::string_view op) {
  if (op == "matmul") return ChipMatmul;
  if (op == "contract_leading") return ChipContractLeading;
  if (op == "conv2d") return ChipConv2d;
  return nullptr;
}

// Whether the node sums rows: over the last dim alone.
absl::StatusOr<bool> SumsRows(const Node& node, absl::Span<const HostTensor> in) {
  if (node.op() != "reduce_sum" && node.op() != "reduce_mean") return false;
  if (in[0].dtype() != chips::F32 && in[0].dtype() != chips::BF16) return false;
  STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> axes, AxesOf(CallOf(node, in), in[0].rank()));
  return axes.size() == 1 && axes[0] + 1 == static_cast<size_t>(in[0].rank());
}

// sum / n, both of the dtype, as the mean's decomposition has it.
HostTensor Mean(const HostTensor& sum, int64_t n) {
  const double count =
      HostTensor::FromDoubles(sum.dtype(), {}, {static_cast<double>(n)}).ToDoubles()[0];
  std::vector<double> values = sum.ToDoubles();
  for (double& value : values) value /= count;
  return HostTensor::FromDoubles(sum.dtype(), sum.dims(), values);
}

// Outputs of their own storage, then the updates: an updated input's storage takes its result, and the
// output that names it shares it.
std::vector<HostTensor> Finish(const Graph& graph, std::vector<HostTensor> values) {
  std::vector<HostTensor> outputs;
  for (const auto& output : graph.outputs()) outputs.push_back(values[output.value()].Clone());
  std::vector<HostTensor> news;  // all are read before any is overwritten
  for (const auto& update : graph.updates()) news.push_back(values[update.output()].Clone());
  for (int i = 0; i < graph.updates_size(); ++i) {
    HostTensor& target = values[graph.updates(i).input()];
    const HostTensor& content = news[static_cast<size_t>(i)];
    if (content.size_bytes() > 0) std::memcpy(target.raw(), content.raw(), content.size_bytes());
    for (int k = 0; k < graph.outputs_size(); ++k) {
      if (graph.outputs(k).value() == graph.updates(i).output()) {
        outputs[static_cast<size_t>(k)] = target;
      }
    }
  }
  return outputs;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChipInterpreter>> ChipInterpreter::Create(
    absl::string_view machine, absl::string_view f32_operands) {
  STRATA_ASSIGN_OR_RETURN(const Format format, chips::ParseFormat(f32_operands));
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<ChipArithmetic> arithmetic,
                          FindChipArithmetic(machine, format));
  return std::unique_ptr<ChipInterpreter>(new ChipInterpreter(std::move(arithmetic)));
}

absl::StatusOr<std::vector<HostTensor>> ChipInterpreter::Run(
    const Node& node, absl::Span<const HostTensor> inputs) const {
  if (const ProductFunction product = ProductOf(node.op()); product != nullptr) {
    STRATA_ASSIGN_OR_RETURN(const auto format, arithmetic_->OperandFormat(inputs[0].dtype()));
    if (!format.has_value()) return EvaluateNode(node, inputs);
    return RoundedTo(node, inputs, product(*arithmetic_, *format, node, inputs));
  }
  if (node.op() == "fusion") {
    const Graph& region = node.regions(0);
    STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> values, RunNodes(region, inputs));
    std::vector<HostTensor> outputs;
    for (const auto& output : region.outputs()) outputs.push_back(values[output.value()]);
    return outputs;
  }
  if (arithmetic_->lanes() > 0) {
    STRATA_ASSIGN_OR_RETURN(const bool rows, SumsRows(node, inputs));
    if (rows) {
      STRATA_ASSIGN_OR_RETURN(std::vector<HostTensor> sum,
                              RoundedTo(node, inputs, ChipRowSums(*arithmetic_, inputs[0])));
      if (node.op() == "reduce_mean") sum[0] = Mean(sum[0], inputs[0].dims().back());
      return sum;
    }
  }
  return EvaluateNode(node, inputs);
}

absl::StatusOr<std::vector<HostTensor>> ChipInterpreter::RunNodes(
    const Graph& graph, absl::Span<const HostTensor> inputs) const {
  std::vector<HostTensor> values(static_cast<size_t>(graph.values_size()));
  for (int i = 0; i < graph.inputs_size(); ++i) {
    values[graph.inputs(i).value()] = inputs[static_cast<size_t>(i)];
  }
  for (int i = 0; i < graph.nodes_size(); ++i) {
    const Node& node = graph.nodes(i);
    std::vector<HostTensor> operands;
    for (const uint32_t id : node.inputs()) operands.push_back(values[id]);
    absl::StatusOr<std::vector<HostTensor>> results = Run(node, operands);
    if (!results.ok()) {
      return Annotate(results.status(), absl::StrCat("nodes[", i, "] (", node.origin(), ")"));
    }
    for (int k = 0; k < node.outputs_size(); ++k) {
      values[node.outputs(k)] = std::move((*results)[static_cast<size_t>(k)]);
    }
  }
  return values;
}

absl::StatusOr<std::vector<HostTensor>> ChipInterpreter::Evaluate(
    const Graph& graph, absl::Span<const HostTensor> inputs) {
  STRATA_RETURN_IF_ERROR(Verify(graph));
  STRATA_ASSIGN_OR_RETURN(const auto sizes, MatchInputs(graph, inputs));
  STRATA_ASSIGN_OR_RETURN(const Graph bound, BindSymbols(graph, sizes));
  STRATA_ASSIGN_OR_RETURN(std::vector<HostTensor> values, RunNodes(bound, inputs));
  return Finish(bound, std::move(values));
}

void RegisterChipInterpreters() {
  std::vector<std::string> machines = {"v100", "a100", "l40s", "h100", "b200", "mi300x"};
  for (const ArrayMachine& machine : ArrayMachines()) machines.push_back(machine.name);
  for (const std::string& machine : machines) {
    EvaluatorRegistry().Register(absl::StrCat("as_", machine),
                                 [machine]() -> absl::StatusOr<std::unique_ptr<Evaluator>> {
                                   STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Evaluator> made,
                                                           ChipInterpreter::Create(machine));
                                   return made;
                                 });
  }
}

}  // namespace strata::graph
