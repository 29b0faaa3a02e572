#include "framework/graph/interpreter.h"

#include <cstring>
#include <new>
#include <set>

#include "framework/graph/op_def.h"
#include "framework/graph/ops/all_ops.h"
#include "framework/graph/verifier.h"

namespace strata::graph {
namespace {

// Zero-filled storage for a result; its type may have got its sizes just now, so they are checked
// again.
absl::StatusOr<HostTensor> AllocateResult(const TensorType& type) {
  int64_t bytes = static_cast<int64_t>(chips::SizeOf(type.dtype));
  bool empty = false, fits = true;
  for (const Size& size : type.shape) {
    if (size.is_symbol()) {
      return absl::InvalidArgumentError(absl::StrCat("the result is ", type.ToString(),
                                                     ", but no input gives ", size.symbol(),
                                                     " a size; bind it with BindSymbols()"));
    }
    empty = empty || size.size() == 0;
    fits = fits && !__builtin_mul_overflow(bytes, size.size(), &bytes);
  }
  if (!empty && !fits) {
    return absl::InvalidArgumentError(
        absl::StrCat("the result ", type.ToString(), " is larger than 2^63 bytes"));
  }
  try {
    return HostTensor::Zeros(type.dtype, type.dims());
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat("no memory for the result ", type.ToString()));
  }
}

// For each value, the index of the last node that reads it (0 when none does).
std::vector<int> LastUses(const Graph& graph) {
  std::vector<int> last(static_cast<size_t>(graph.values_size()), 0);
  for (int i = 0; i < graph.nodes_size(); ++i) {
    for (uint32_t id : graph.nodes(i).inputs()) last[id] = i;
  }
  for (const auto& output : graph.outputs()) last[output.value()] = graph.nodes_size();
  for (const auto& update : graph.updates()) last[update.input()] = graph.nodes_size();
  return last;
}

absl::Status RunNodes(const Graph& graph, std::vector<HostTensor>* values) {
  const std::vector<int> last_use = LastUses(graph);
  for (int i = 0; i < graph.nodes_size(); ++i) {
    const Node& node = graph.nodes(i);
    std::vector<HostTensor> operands;
    for (uint32_t id : node.inputs()) operands.push_back((*values)[id]);
    absl::StatusOr<std::vector<HostTensor>> results = EvaluateNode(node, operands);
    if (!results.ok()) {
      return Annotate(results.status(), absl::StrCat("nodes[", i, "] (", node.origin(), ")"));
    }
    for (int k = 0; k < node.outputs_size(); ++k) {
      (*values)[node.outputs(k)] = std::move((*results)[static_cast<size_t>(k)]);
    }
    for (uint32_t id : node.inputs()) {
      if (last_use[id] == i) (*values)[id] = HostTensor();
    }
  }
  return absl::OkStatus();
}

// Results, after which the updated inputs' storage holds their new content. Every node has read the
// old one by now; a result that *is* an input's storage is copied before any is overwritten.
std::vector<HostTensor> Finish(const Graph& graph, std::vector<HostTensor>* values) {
  std::set<const void*> targets;
  for (const auto& update : graph.updates()) targets.insert((*values)[update.input()].raw());
  std::vector<HostTensor> outputs;
  std::map<uint32_t, HostTensor> results;  // by value id
  for (const auto& output : graph.outputs()) {
    const HostTensor& value = (*values)[output.value()];
    if (results.count(output.value()) == 0) {
      results[output.value()] = targets.count(value.raw()) > 0 ? value.Clone() : value;
    }
  }
  for (const auto& update : graph.updates()) {
    HostTensor& target = (*values)[update.input()];
    HostTensor& result = results[update.output()];
    if (target.raw() != result.raw() && result.size_bytes() > 0) {
      std::memcpy(target.raw(), result.raw(), result.size_bytes());
    }
    result = target;
  }
  for (const auto& output : graph.outputs()) outputs.push_back(results[output.value()]);
  return outputs;
}

}  // namespace

absl::StatusOr<std::vector<HostTensor>> EvaluateNode(const Node& node,
                                                     absl::Span<const HostTensor> inputs) {
  RegisterAllOps();
  STRATA_ASSIGN_OR_RETURN(const OpDef* def, OpRegistry::Get().Lookup(node.op()));
  OpCall call{&node, {}, {}};
  for (const HostTensor& input : inputs) {
    call.inputs.push_back({input.dtype(), Shape(input.dims().begin(), input.dims().end())});
  }
  STRATA_ASSIGN_OR_RETURN(call.outputs, InferTypes(*def, call));
  std::vector<HostTensor> outputs;
  for (const TensorType& type : call.outputs) {
    STRATA_ASSIGN_OR_RETURN(HostTensor output, AllocateResult(type));
    outputs.push_back(std::move(output));
  }
  STRATA_RETURN_IF_ERROR(
      Annotate(def->reference(call, inputs, absl::MakeSpan(outputs)), node.op()));
  return outputs;
}

absl::StatusOr<std::vector<HostTensor>> Interpreter::Evaluate(const Graph& graph,
                                                              absl::Span<const HostTensor> inputs) {
  STRATA_RETURN_IF_ERROR(Verify(graph));
  STRATA_ASSIGN_OR_RETURN(auto sizes, MatchInputs(graph, inputs));
  Graph bound_storage;
  const Graph* bound = &graph;
  if (!sizes.empty()) {
    STRATA_ASSIGN_OR_RETURN(bound_storage, BindSymbols(graph, sizes));
    bound = &bound_storage;
  }
  std::vector<HostTensor> values(static_cast<size_t>(bound->values_size()));
  for (int i = 0; i < bound->inputs_size(); ++i) {
    values[bound->inputs(i).value()] = inputs[static_cast<size_t>(i)];
  }
  STRATA_RETURN_IF_ERROR(RunNodes(*bound, &values));
  return Finish(*bound, &values);
}

void RegisterInterpreter() {
  EvaluatorRegistry().Register("reference", [] { return std::make_unique<Interpreter>(); });
}

}  // namespace strata::graph
