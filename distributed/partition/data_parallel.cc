#include "distributed/partition/data_parallel.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "distributed/plan/validate.h"
#include "framework/graph/op_def.h"
#include "framework/graph/types.h"
#include "framework/graph/verifier.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

constexpr uint32_t kNone = graph::kNoValue;

bool IsBatch(const graph::Dim& dim) { return dim.has_symbol() && dim.symbol() == kBatchSymbol; }

bool IsSplit(const Value& value) { return value.dims_size() > 0 && IsBatch(value.dims(0)); }

bool MentionsBatch(const Value& value) {
  return std::any_of(value.dims().begin(), value.dims().end(), IsBatch);
}

const Value& ValueOf(const Graph& graph, uint32_t id) { return graph.values(static_cast<int>(id)); }

template <typename... Parts>
absl::Status Fault(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

absl::Status CheckInputs(const Graph& graph) {
  bool any = false;
  for (int i = 0; i < graph.inputs_size(); ++i) {
    const Value& value = ValueOf(graph, graph.inputs(i).value());
    const std::string where = absl::StrCat("inputs[", i, "] ('", value.name(), "')");
    if (!MentionsBatch(value)) continue;
    if (graph.inputs(i).kind() != graph::DATA) {
      return Fault(where, ": has the batch '", kBatchSymbol,
                   "' among its dims; only DATA inputs are split");
    }
    const auto batches = std::count_if(value.dims().begin(), value.dims().end(), IsBatch);
    if (!IsSplit(value) || batches > 1) {
      return Fault(where, ": the batch '", kBatchSymbol, "' must be its leading dim and no other");
    }
    any = true;
  }
  if (any) return absl::OkStatus();
  return Fault("inputs: no DATA input has the leading dim '", kBatchSymbol,
               "'; there is no batch to split");
}

absl::Status CheckNodes(const Graph& graph) {
  for (int i = 0; i < graph.nodes_size(); ++i) {
    const Node& node = graph.nodes(i);
    const std::string where = absl::StrCat("nodes[", i, "] (", node.op(), ")");
    STRATA_ASSIGN_OR_RETURN(const graph::OpDef* def, graph::OpRegistry::Get().Lookup(node.op()));
    if (def->op_class == graph::OpClass::kCollective) {
      return absl::FailedPreconditionError(
          absl::StrCat(where, ": the graph is partitioned already"));
    }
    if (node.op() != "iota") continue;
    const Value& value = ValueOf(graph, node.outputs(0));
    const int axis = static_cast<int>(graph::AttributeReader(node).Int("axis"));
    if (IsBatch(value.dims(axis < 0 ? axis + value.dims_size() : axis))) {
      return Fault(
          where,
          ": counts along the batch; a rank cannot tell where its shard begins; make it an input");
    }
  }
  return absl::OkStatus();
}

// What must be known of the whole graph before it is rewritten.
struct Analysis {
  std::vector<bool> local;  // by value: differs between ranks, if all that comes before is reduced
  std::vector<bool> reduced;    // by value: a gradient that is averaged
  std::vector<bool> to_marked;  // by node: makes, or goes on to make, a marked gradient

  // Which of a value's two forms a node reads: the rank's own, or the average.
  bool ReadsOwn(int node, uint32_t value) const {
    return !reduced[value] || to_marked[static_cast<size_t>(node)];
  }
};

Analysis Analyse(const Graph& graph) {
  const size_t values = static_cast<size_t>(graph.values_size());
  Analysis a = {std::vector<bool>(values), std::vector<bool>(values),
                std::vector<bool>(static_cast<size_t>(graph.nodes_size()))};
  std::vector<bool> wanted(values);  // is, or goes on to make, a marked gradient
  for (size_t v = 0; v < values; ++v)
    wanted[v] = !graph.values(static_cast<int>(v)).gradient_of().empty();
  for (int n = graph.nodes_size() - 1; n >= 0; --n) {
    const Node& node = graph.nodes(n);
    for (uint32_t output : node.outputs()) {
      if (wanted[output]) a.to_marked[static_cast<size_t>(n)] = true;
    }
    if (!a.to_marked[static_cast<size_t>(n)]) continue;
    for (uint32_t input : node.inputs()) wanted[input] = true;
  }
  const auto settle = [&](uint32_t v, bool local) {
    a.local[v] = local;
    a.reduced[v] = local && !ValueOf(graph, v).gradient_of().empty();
  };
  for (const auto& input : graph.inputs())
    settle(input.value(), IsSplit(ValueOf(graph, input.value())));
  for (int n = 0; n < graph.nodes_size(); ++n) {
    const Node& node = graph.nodes(n);
    bool local = false;
    for (uint32_t input : node.inputs()) local = local || (a.local[input] && a.ReadsOwn(n, input));
    for (uint32_t v : node.outputs()) settle(v, local || MentionsBatch(ValueOf(graph, v)));
  }
  return a;
}

// Builds the graph of a rank, its values in the order in which they are made.
class Rewriter {
 public:
  explicit Rewriter(const Graph& graph) : graph_(graph), analysis_(Analyse(graph)) {
    own_.assign(static_cast<size_t>(graph.values_size()), kNone);
    average_ = own_;
    for (const Value& value : graph.values()) names_.insert(value.name());
  }

  absl::StatusOr<Graph> Run() {
    result_.set_version(graph_.version());
    result_.set_name(graph_.name());
    STRATA_RETURN_IF_ERROR(CopyInputs());
    for (int n = 0; n < graph_.nodes_size(); ++n) STRATA_RETURN_IF_ERROR(CopyNode(n));
    for (int i = 0; i < graph_.outputs_size(); ++i) {
      STRATA_RETURN_IF_ERROR(
          Annotate(CopyOutput(graph_.outputs(i)), Where("outputs", i, graph_.outputs(i).name())));
    }
    for (int i = 0; i < graph_.updates_size(); ++i) {
      const std::string& input = ValueOf(graph_, graph_.updates(i).input()).name();
      STRATA_RETURN_IF_ERROR(Annotate(CopyUpdate(graph_.updates(i)), Where("updates", i, input)));
    }
    return std::move(result_);
  }

 private:
  static std::string Where(const char* list, int i, const std::string& name) {
    return absl::StrCat(list, "[", i, "] ('", name, "')");
  }

  uint32_t CopyValue(uint32_t old) {
    own_[old] = static_cast<uint32_t>(result_.values_size());
    *result_.add_values() = ValueOf(graph_, old);
    return own_[old];
  }

  absl::Status CopyInputs() {
    for (const auto& input : graph_.inputs()) {
      auto* copy = result_.add_inputs();
      *copy = input;
      copy->set_value(CopyValue(input.value()));
    }
    for (const auto& input : graph_.inputs())
      STRATA_RETURN_IF_ERROR(ReduceGradient(input.value(), ""));
    return absl::OkStatus();
  }

  absl::Status CopyNode(int n) {
    const Node& node = graph_.nodes(n);
    Node copy = node;
    for (uint32_t& input : *copy.mutable_inputs()) {
      input = analysis_.ReadsOwn(n, input) ? own_[input] : average_[input];
    }
    for (uint32_t& output : *copy.mutable_outputs()) output = CopyValue(output);
    *result_.add_nodes() = std::move(copy);
    for (uint32_t output : node.outputs())
      STRATA_RETURN_IF_ERROR(ReduceGradient(output, node.origin()));
    return absl::OkStatus();
  }

  // The average over ranks as a new value, made by a node at the end of what stands.
  absl::Status AllReduce(uint32_t old, const std::string& origin) {
    const Value& value = ValueOf(graph_, old);
    if (MentionsBatch(value) || !chips::IsFloat(value.dtype())) {
      return Fault("value '", value.name(), "' is ", graph::TypeOf(value).ToString(),
                   "; only float values without a batch dim can be averaged over ranks");
    }
    average_[old] = static_cast<uint32_t>(result_.values_size());
    Value* average = result_.add_values();
    *average = value;
    average->set_name(UniqueName(absl::StrCat(value.name(), ".all_reduced")));
    result_.mutable_values(static_cast<int>(own_[old]))->clear_gradient_of();
    Node* node = result_.add_nodes();
    node->set_op("all_reduce");
    node->add_inputs(own_[old]);
    node->add_outputs(average_[old]);
    graph::SetAttributes({{"reduction", graph::Attr("mean")}}, node);
    node->set_origin(origin.empty() ? absl::StrCat("dp all_reduce ", value.name())
                                    : absl::StrCat("dp all_reduce ", origin));
    return absl::OkStatus();
  }

  absl::Status ReduceGradient(uint32_t old, const std::string& origin) {
    if (!analysis_.reduced[old]) return absl::OkStatus();
    const std::string& parameter = ValueOf(graph_, old).gradient_of();
    return Annotate(AllReduce(old, origin), absl::StrCat("gradient of '", parameter, "'"));
  }

  bool Differs(uint32_t old) const { return analysis_.local[old] && average_[old] == kNone; }

  absl::Status CopyOutput(const graph::Output& output) {
    const uint32_t old = output.value();
    const Value& value = ValueOf(graph_, old);
    if (output.combine() == graph::SHARDED && !IsSplit(value)) {
      return Fault("is SHARDED, but the leading dim of ", graph::TypeOf(value).ToString(),
                   " is not '", kBatchSymbol, "'");
    }
    if (output.combine() == graph::REPLICATED && Differs(old)) {
      return Fault(
          "is REPLICATED, but depends on the batch shard; combine it by MEAN or SHARDED, or mark "
          "the ",
          "gradients on the way to it with gradient_of");
    }
    if (output.combine() == graph::MEAN && Differs(old)) {
      STRATA_RETURN_IF_ERROR(AllReduce(old, MakerOrigin(old)));
    }
    auto* copy = result_.add_outputs();
    *copy = output;
    copy->set_value(average_[old] == kNone ? own_[old] : average_[old]);
    return absl::OkStatus();
  }

  absl::Status CopyUpdate(const graph::Update& update) {
    if (Differs(update.output())) {
      return Fault(
          "its update depends on the batch shard, so that ranks would drift apart; mark the "
          "gradients on the ",
          "way to it with gradient_of");
    }
    auto* copy = result_.add_updates();
    copy->set_input(own_[update.input()]);
    copy->set_output(average_[update.output()] == kNone ? own_[update.output()]
                                                        : average_[update.output()]);
    return absl::OkStatus();
  }

  std::string MakerOrigin(uint32_t old) const {
    for (const Node& node : graph_.nodes()) {
      if (std::find(node.outputs().begin(), node.outputs().end(), old) != node.outputs().end())
        return node.origin();
    }
    return "";
  }

  std::string UniqueName(const std::string& wish) {
    std::string name = wish;
    for (int i = 1; !names_.insert(name).second; ++i) name = absl::StrCat(wish, "_", i);
    return name;
  }

  const Graph& graph_;
  const Analysis analysis_;
  Graph result_;
  std::vector<uint32_t> own_, average_;  // by value of graph_: its forms in result_
  std::set<std::string> names_;
};

absl::StatusOr<graph::HostTensor> Piece(const graph::HostTensor& whole, int rank, int size) {
  if (whole.rank() == 0) return Fault("is a scalar; a split input has a leading batch dim");
  std::vector<int64_t> dims = whole.dims();
  if (dims[0] % size != 0) {
    return Fault("its batch of ", dims[0], " cannot be cut into ", size,
                 " equal shards; give a multiple of ", size);
  }
  dims[0] /= size;
  graph::HostTensor piece = graph::HostTensor::Allocate(whole.dtype(), dims);
  if (piece.size_bytes() > 0) {
    std::memcpy(piece.raw(), whole.data<char>() + static_cast<size_t>(rank) * piece.size_bytes(),
                piece.size_bytes());
  }
  return piece;
}

}  // namespace

absl::StatusOr<Graph> PartitionDataParallel(const Graph& graph,
                                            const parallel::ParallelPlan& plan) {
  STRATA_RETURN_IF_ERROR(Annotate(parallel::ValidateParallelPlan(plan), "parallel plan"));
  STRATA_RETURN_IF_ERROR(Annotate(parallel::CheckExecutable(plan), "parallel plan"));
  STRATA_RETURN_IF_ERROR(graph::Verify(graph));
  if (parallel::AxisSize(plan, parallel::DATA_PARALLEL) == 1) return graph;
  const std::string where = absl::StrCat("graph '", graph.name(), "'");
  STRATA_RETURN_IF_ERROR(Annotate(CheckInputs(graph), where));
  STRATA_RETURN_IF_ERROR(Annotate(CheckNodes(graph), where));
  absl::StatusOr<Graph> rewritten = Rewriter(graph).Run();
  if (!rewritten.ok()) return Annotate(rewritten.status(), where);
  STRATA_RETURN_IF_ERROR(Annotate(graph::Verify(*rewritten), "after the data-parallel rewrite"));
  return rewritten;
}

absl::StatusOr<std::vector<graph::HostTensor>> ShardBatch(
    const Graph& graph, absl::Span<const graph::HostTensor> inputs, int rank, int size) {
  if (size < 1 || rank < 0 || rank >= size)
    return Fault("rank ", rank, " of ", size, " does not exist");
  if (static_cast<int>(inputs.size()) != graph.inputs_size()) {
    return Fault("graph '", graph.name(), "': has ", graph.inputs_size(), " inputs, not ",
                 inputs.size());
  }
  std::vector<graph::HostTensor> shard(inputs.begin(), inputs.end());
  for (int i = 0; i < graph.inputs_size(); ++i) {
    const Value& value = ValueOf(graph, graph.inputs(i).value());
    if (size == 1 || graph.inputs(i).kind() != graph::DATA || !IsSplit(value)) continue;
    absl::StatusOr<graph::HostTensor> piece = Piece(inputs[static_cast<size_t>(i)], rank, size);
    if (!piece.ok())
      return Annotate(piece.status(), absl::StrCat("inputs[", i, "] ('", value.name(), "')"));
    shard[static_cast<size_t>(i)] = *std::move(piece);
  }
  return shard;
}

}  // namespace strata::distributed
