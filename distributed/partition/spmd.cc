#include "distributed/partition/spmd.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distributed/partition/buckets.h"
#include "distributed/partition/graph_plan.h"
#include "distributed/partition/local_ops.h"
#include "distributed/partition/reshard.h"
#include "distributed/partition/resharder.h"
#include "framework/graph/builder.h"
#include "framework/graph/verifier.h"

namespace strata::distributed {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Value;
using graph::ValueId;

// One way in which a value of the global graph lies in the graph of the rank.
struct Form {
  Sharding sharding;
  ValueId id = kNoValue;
};

constexpr const char* kStepNames[] = {"shard", "reduce_scattered", "all_reduced", "all_to_all",
                                      "all_gathered"};

class Writer {
 public:
  Writer(const Graph& global, const Mesh& mesh, GraphPlan plan, bool regather)
      : global_(global),
        mesh_(mesh),
        plan_(std::move(plan)),
        regather_(regather),
        builder_(global.name()),
        resharder_(builder_, mesh_),
        forms_(static_cast<size_t>(global.values_size())),
        backward_forms_(forms_.size()),
        uniform_(forms_.size()),
        parameter_(forms_.size()) {}

  absl::StatusOr<Graph> Run() {
    for (const auto& input : global_.inputs()) {
      const uint32_t v = input.value();
      parameter_[v] = input.kind() == graph::PARAMETER;
      graph::TensorType type = graph::TypeOf(ValueAt(v));
      type.shape = LocalShape(type.shape, plan_.places[v], mesh_);
      AddForm(&forms_[v], plan_.places[v], builder_.Input(ValueAt(v).name(), type, input.kind()));
    }
    for (int n = 0; n < global_.nodes_size(); ++n)
      STRATA_RETURN_IF_ERROR(Annotate(WriteNode(n), global_.nodes(n).origin()));
    STRATA_RETURN_IF_ERROR(WriteOutputs());
    absl::StatusOr<Graph> result = std::move(builder_).Build();
    if (!result.ok()) return Annotate(result.status(), "after partitioning");
    for (const auto& [id, sharding] : shardings_) {
      if (sharding.pending.empty())
        SetSharding(sharding, mesh_, result->mutable_values(static_cast<int>(id)));
    }
    return result;
  }

 private:
  const Value& ValueAt(uint32_t v) const { return global_.values(static_cast<int>(v)); }

  void AddForm(std::vector<Form>* forms, const Sharding& sharding, ValueId id) {
    forms->push_back({sharding, id});
    if (id != kNoValue) shardings_[id] = sharding;
  }

  // ---- Forms.

  // The value as `want`, from whatever form is the cheapest to start from. What is made on the way is kept for others.
  absl::StatusOr<ValueId> Get(uint32_t v, const Sharding& want, std::vector<Form>* forms) {
    const Form* best = nullptr;
    double least = std::numeric_limits<double>::infinity();
    const graph::TensorType type = graph::TypeOf(ValueAt(v));
    for (const Form& form : *forms) {
      if (form.sharding == want) return form.id;
      const double bytes = ReshardBytes(type, form.sharding, want, mesh_);
      if (bytes < least) {
        least = bytes;
        best = &form;
      }
    }
    Form now = *best;
    for (const ReshardStep& step : PlanReshard(now.sharding, want, mesh_)) {
      STRATA_RETURN_IF_ERROR(
          Annotate(CheckStep(type, step), absl::StrCat("value '", ValueAt(v).name(), "'")));
      const bool copies = step.kind == ReshardStep::Kind::kAllReduce && uniform_[v];
      const double ranks = static_cast<double>(mesh_.Size(step.axes));
      now.id = copies ? builder_.Apply("mul", {now.id, builder_.Constant(ranks, type.dtype)})
                      : resharder_.Step(now.id, step);
      now.sharding = step.result;
      STRATA_RETURN_IF_ERROR(builder_.status());
      builder_.Rename(
          now.id, absl::StrCat(ValueAt(v).name(), ".", kStepNames[static_cast<int>(step.kind)]));
      AddForm(forms, now.sharding, now.id);
    }
    return now.id;
  }

  absl::StatusOr<ValueId> Get(uint32_t v, const Sharding& want) { return Get(v, want, &forms_[v]); }

  static absl::Status CheckStep(const graph::TensorType& type, const ReshardStep& step) {
    if (!AlongSymbol(type, step)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        type.ToString(),
        " would have to be cut or joined along a symbolic dim; bind the symbol first"));
  }

  // A parameter for a node of the backward pass, which must not keep what the forward pass gathered.
  absl::StatusOr<ValueId> GetAgain(uint32_t v, const Sharding& want, ValueId event) {
    std::vector<Form>& forms = backward_forms_[v];
    const Form kept = forms_[v][0];
    if (kept.sharding == want || event == kNoValue) return Get(v, want);
    if (forms.empty()) {
      const ValueId later = builder_.Apply("after", {kept.id, event});
      builder_.Rename(later, absl::StrCat(ValueAt(v).name(), ".backward"));
      AddForm(&forms, kept.sharding, later);
    }
    return Get(v, want, &forms);
  }

  // ---- Nodes.

  // The set of operands that are pending sums which may pass through the node, and over which axes; the plan is made to
  // run on them. Empty when there is none.
  std::vector<int> PassingSet(const Node& node, NodePlan* plan, AxisList* axes) const {
    for (const std::vector<int>& set : plan->rule.linear) {
      const AxisList common = CommonSums(global_, node, set, [&](uint32_t v) {
        return plan_.waits[v] ? forms_[v][0].sharding.pending : AxisList();
      });
      NodePlan on_terms = *plan;
      if (common.empty() || !RunOnTerms(set, common, mesh_, &on_terms)) continue;
      *axes = common;
      const std::vector<int> found = set;  // `set` is of the plan that is replaced
      *plan = std::move(on_terms);
      return found;
    }
    return {};
  }

  // A scalar as a pending sum over `axes`: as far as it is whole, each rank takes its share.
  absl::StatusOr<ValueId> Share(uint32_t v, const AxisList& axes) {
    const Form& form = plan_.waits[v] ? forms_[v][0] : forms_[v].back();
    AxisList missing;
    std::set_difference(axes.begin(), axes.end(), form.sharding.pending.begin(),
                        form.sharding.pending.end(), std::back_inserter(missing));
    if (missing.empty()) return form.id;
    const double share = 1.0 / static_cast<double>(mesh_.Size(missing));
    return builder_.Apply("mul", {form.id, builder_.Constant(share, builder_.type(form.id).dtype)});
  }

  absl::StatusOr<std::vector<ValueId>> Operands(const Node& node, const NodePlan& plan,
                                                const std::vector<int>& passing,
                                                const AxisList& sums) {
    const bool backward = regather_ && node.origin().rfind("grad ", 0) == 0;
    std::vector<ValueId> operands(static_cast<size_t>(node.inputs_size()), kNoValue);
    ValueId event = kNoValue;  // something of the backward pass
    for (const bool parameters : {false, true}) {
      for (size_t i = 0; i < operands.size(); ++i) {
        const uint32_t v = node.inputs(static_cast<int>(i));
        if (parameter_[v] != parameters) continue;
        if (plan.rule.any[i]) {
          operands[i] = forms_[v].back().id;
          continue;
        }
        Sharding want = plan.inputs[i];
        const bool passes =
            std::find(passing.begin(), passing.end(), static_cast<int>(i)) != passing.end();
        if (passes && want.dims.empty()) {
          STRATA_ASSIGN_OR_RETURN(operands[i], Share(v, sums));
          continue;
        }
        if (passes) want.pending = sums;
        STRATA_ASSIGN_OR_RETURN(operands[i],
                                parameters && backward ? GetAgain(v, want, event) : Get(v, want));
        if (!parameters) event = operands[i];
      }
    }
    return operands;
  }

  absl::Status WriteNode(int n) {
    const Node& node = global_.nodes(n);
    NodePlan& plan = plan_.nodes[static_cast<size_t>(n)];
    const Builder::Scope scope = Builder::Scope::Exactly(builder_, node.origin());
    AxisList sums;
    const std::vector<int> passing = PassingSet(node, &plan, &sums);
    STRATA_ASSIGN_OR_RETURN(std::vector<ValueId> operands, Operands(node, plan, passing, sums));
    const LocalCall call = {CallOf(global_, node), plan, std::move(operands)};
    STRATA_ASSIGN_OR_RETURN(const std::vector<ValueId> results,
                            LowerNode(builder_, resharder_, mesh_, call));
    const bool uniform = IsUniform(node);
    for (int o = 0; o < node.outputs_size(); ++o) {
      const uint32_t v = node.outputs(o);
      Sharding natural = plan.outputs[static_cast<size_t>(o)];
      natural.pending.insert(natural.pending.end(), sums.begin(), sums.end());
      std::sort(natural.pending.begin(), natural.pending.end());
      builder_.Rename(results[static_cast<size_t>(o)], ValueAt(v).name());
      AddForm(&forms_[v], natural, results[static_cast<size_t>(o)]);
      uniform_[v] = uniform;
      if (natural.pending.empty() || plan_.waits[v]) continue;
      STRATA_RETURN_IF_ERROR(Get(v, plan_.places[v]).status());
    }
    return absl::OkStatus();
  }

  // Whether every element of the results is the same on all ranks, whatever the pieces: made of constants alone. A sum of
  // such terms over n ranks is n times one.
  bool IsUniform(const Node& node) const {
    const graph::OpDef* def = graph::OpRegistry::Get().Find(node.op());
    const bool keeps = def->op_class == graph::OpClass::kElementwise ||
                       def->op_class == graph::OpClass::kReduction ||
                       def->op_class == graph::OpClass::kView;
    if (!keeps || node.op() == "iota") return false;
    for (uint32_t v : node.inputs()) {
      if (!uniform_[v]) return false;
    }
    return true;
  }

  // ---- Outputs.

  absl::Status WriteOutputs() {
    std::map<uint32_t, uint32_t> updates;  // output value -> the input that it replaces
    for (const auto& update : global_.updates()) updates[update.output()] = update.input();
    std::map<uint32_t, ValueId> locals;
    for (const auto& output : global_.outputs()) {
      const uint32_t v = output.value();
      const auto it = updates.find(v);
      const Sharding& want = plan_.places[it == updates.end() ? v : it->second];
      STRATA_ASSIGN_OR_RETURN(locals[v], Get(v, want));
      builder_.Output(locals[v], output.name(), output.combine());
    }
    for (const auto& update : global_.updates())
      builder_.Update(forms_[update.input()][0].id, locals[update.output()]);
    MarkGradients();
    return builder_.status();
  }

  // The whole gradient is the one that is marked, where there is such a form.
  void MarkGradients() {
    for (uint32_t v = 0; v < forms_.size(); ++v) {
      if (ValueAt(v).gradient_of().empty() || forms_[v].empty()) continue;
      const Form* whole = &forms_[v][0];
      for (const Form& form : forms_[v]) {
        if (form.sharding == plan_.places[v]) whole = &form;
      }
      builder_.MarkGradient(whole->id, ValueAt(v).gradient_of());
    }
  }

  const Graph& global_;
  const Mesh& mesh_;
  GraphPlan plan_;
  const bool regather_;
  Builder builder_;
  Resharder resharder_;
  std::vector<std::vector<Form>> forms_,
      backward_forms_;  // of each value; the first is the one it was made as
  std::vector<bool> uniform_, parameter_;
  std::map<ValueId, Sharding> shardings_;  // of values of the rank's graph
};

absl::Status CheckUnpartitioned(const Graph& graph) {
  for (int i = 0; i < graph.nodes_size(); ++i) {
    const graph::OpDef* def = graph::OpRegistry::Get().Find(graph.nodes(i).op());
    if (def->op_class != graph::OpClass::kCollective) continue;
    return absl::FailedPreconditionError(absl::StrCat("nodes[", i, "] (", graph.nodes(i).op(),
                                                      "): the graph is partitioned already"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Graph> Partition(const Graph& annotated, const Mesh& mesh, bool regather) {
  STRATA_RETURN_IF_ERROR(CheckUnpartitioned(annotated));
  STRATA_ASSIGN_OR_RETURN(GraphPlan plan, PlanGraph(annotated, mesh));
  return Writer(annotated, mesh, std::move(plan), regather).Run();
}

}  // namespace

absl::StatusOr<Graph> PartitionSpmd(const Graph& annotated, const parallel::ParallelPlan& plan) {
  STRATA_ASSIGN_OR_RETURN(const Mesh mesh, Mesh::Create(plan));
  STRATA_RETURN_IF_ERROR(graph::Verify(annotated));
  if (mesh.ranks() == 1) return annotated;  // it is the rank's
  absl::StatusOr<Graph> mine = Partition(annotated, mesh, plan.zero() == parallel::ZERO_3);
  if (mine.ok()) mine = BucketCollectives(*mine, plan.bucket_bytes());
  if (!mine.ok()) return Annotate(mine.status(), absl::StrCat("graph '", annotated.name(), "'"));
  return mine;
}

}  // namespace strata::distributed
