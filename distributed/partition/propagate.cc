#include "distributed/partition/propagate.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distributed/partition/node_plan.h"
#include "distributed/partition/op_rules.h"
#include "distributed/partition/sharding.h"
#include "distributed/plan/glob.h"
#include "framework/graph/verifier.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using graph::Node;
using graph::Size;
using graph::Value;

template <typename... Parts>
absl::Status Fault(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

class Propagator {
 public:
  Propagator(const Graph& graph, const parallel::ParallelPlan& plan, Mesh mesh)
      : graph_(graph), plan_(plan), mesh_(std::move(mesh)) {
    for (const Value& value : graph.values())
      places_.push_back(Replicated(static_cast<size_t>(value.dims_size())));
    fixed_.resize(places_.size());
    kinds_.resize(places_.size());
    std::map<std::string, uint32_t> parameters;
    for (const auto& input : graph.inputs()) {
      kinds_[input.value()] = input.kind();
      parameters[graph.values(static_cast<int>(input.value())).name()] = input.value();
    }
    for (uint32_t v = 0; v < places_.size(); ++v) {
      const auto it = parameters.find(ValueAt(v).gradient_of());
      if (it != parameters.end() && ShapeOf(it->second) == ShapeOf(v))
        gradients_.emplace_back(v, it->second);
    }
  }

  absl::StatusOr<Graph> Run() {
    for (const Node& node : graph_.nodes()) {
      absl::StatusOr<OpRule> rule = RuleOf(CallOf(graph_, node));
      if (!rule.ok()) return Annotate(rule.status(), node.origin());
      rules_.push_back(*std::move(rule));
    }
    STRATA_RETURN_IF_ERROR(Annotations());
    STRATA_RETURN_IF_ERROR(Data());
    Spread({});
    SequenceParallel();
    Zero();
    Graph result = graph_;
    for (int v = 0; v < result.values_size(); ++v)
      SetSharding(places_[static_cast<size_t>(v)], mesh_, result.mutable_values(v));
    return result;
  }

 private:
  const Value& ValueAt(uint32_t v) const { return graph_.values(static_cast<int>(v)); }
  graph::Shape ShapeOf(uint32_t v) const { return graph::TypeOf(ValueAt(v)).shape; }

  // ---- Seeds.

  absl::Status Annotations() {
    for (uint32_t v = 0; v < places_.size(); ++v) {
      if (!ValueAt(v).has_sharding()) continue;
      STRATA_ASSIGN_OR_RETURN(places_[v], ShardingOf(ValueAt(v), mesh_));
      fixed_[v] = true;
    }
    for (int i = 0; i < plan_.shardings_size(); ++i) {
      STRATA_RETURN_IF_ERROR(
          Annotate(Annotation(plan_.shardings(i)), absl::StrCat("shardings[", i, "]")));
    }
    return absl::OkStatus();
  }

  absl::Status Annotation(const parallel::TensorSharding& wish) {
    bool any = false;
    for (uint32_t v = 0; v < places_.size(); ++v) {
      if (!parallel::FitsGlob(wish.tensor(), ValueAt(v).name())) continue;
      any = true;
      if (fixed_[v]) continue;
      absl::StatusOr<Sharding> sharding =
          ParseSharding({wish.axes().begin(), wish.axes().end()}, ShapeOf(v), mesh_);
      if (!sharding.ok())
        return Annotate(sharding.status(), absl::StrCat("value '", ValueAt(v).name(), "'"));
      places_[v] = *std::move(sharding);
      fixed_[v] = true;
    }
    if (any) return absl::OkStatus();
    return Fault("tensor: '", wish.tensor(), "' fits no value of graph '", graph_.name(), "'");
  }

  // The size of the batch, as the DATA inputs have it.
  std::optional<Size> Batch() const {
    std::optional<Size> first;
    for (const auto& input : graph_.inputs()) {
      if (input.kind() != graph::DATA || ValueAt(input.value()).dims_size() == 0) continue;
      const Size size = ShapeOf(input.value())[0];
      if (size == Size(kBatchSymbol)) return size;
      if (!first) first = size;
    }
    return first;
  }

  absl::Status Data() {
    AxisList batch_axes;
    for (int a = 0; a < mesh_.axes(); ++a) {
      const Axis& axis = mesh_.axis(a);
      const bool batch =
          axis.kind == parallel::DATA_PARALLEL || axis.kind == parallel::EXPERT_PARALLEL;
      if (batch && axis.size > 1) batch_axes.push_back(a);
    }
    const AxisList token_axes = mesh_.OfKind(parallel::CONTEXT_PARALLEL);
    const std::optional<Size> batch = Batch();
    if (!batch && !(batch_axes.empty() && token_axes.empty()))
      return Fault("inputs: no DATA input has a leading dim; there is no batch to split");
    for (int i = 0; i < graph_.inputs_size(); ++i) {
      const uint32_t v = graph_.inputs(i).value();
      if (graph_.inputs(i).kind() != graph::DATA) continue;
      if (!fixed_[v] && !places_[v].dims.empty() && ShapeOf(v)[0] == *batch) {
        STRATA_RETURN_IF_ERROR(
            Annotate(CutData(v, batch_axes, token_axes),
                     absl::StrCat("inputs[", i, "] ('", ValueAt(v).name(), "')")));
      }
      fixed_[v] = true;
    }
    CutSymbols();
    return absl::OkStatus();
  }

  // A symbol stands for one size, of a rank's piece in its graph: whatever has it is cut as the DATA inputs are.
  void CutSymbols() {
    std::map<std::string, AxisList> cuts;
    for (const auto& input : graph_.inputs()) {
      const graph::Shape shape = ShapeOf(input.value());
      for (size_t d = 0; d < shape.size(); ++d) {
        if (shape[d].is_symbol()) cuts.emplace(shape[d].symbol(), places_[input.value()].dims[d]);
      }
    }
    for (uint32_t v = 0; v < places_.size(); ++v) {
      const graph::Shape shape = ShapeOf(v);
      for (size_t d = 0; d < shape.size() && !fixed_[v]; ++d) {
        if (shape[d].is_symbol()) places_[v].dims[d] = cuts[shape[d].symbol()];
      }
    }
  }

  absl::Status CutData(uint32_t v, const AxisList& batch, const AxisList& tokens) {
    const graph::Shape shape = ShapeOf(v);
    places_[v].dims[0] = batch;
    if (shape.size() >= 2 && chips::IsInteger(ValueAt(v).dtype())) places_[v].dims[1] = tokens;
    for (size_t d = 0; d < shape.size(); ++d) {
      if (Divides(places_[v].dims[d], shape[d], mesh_)) continue;
      return Fault("its dim ", d, " of ", shape[d].ToString(),
                   " cannot be cut into equal pieces over '", mesh_.Group(places_[v].dims[d]),
                   "' (", mesh_.Size(places_[v].dims[d]), " ranks); give a multiple");
    }
    return absl::OkStatus();
  }

  // ---- Spreading.

  // May the value take this axis? `allowed` is a further condition, or none.
  using Condition = std::function<bool(uint32_t value, int axis)>;

  bool Takes(uint32_t v, int axis, const Condition& allowed) const {
    if (fixed_[v]) return false;
    const parallel::AxisKind kind = mesh_.axis(axis).kind;
    const bool kept = kinds_[v] == graph::PARAMETER || kinds_[v] == graph::STATE;
    if (kept && kind != parallel::TENSOR_PARALLEL && kind != parallel::EXPERT_PARALLEL)
      return false;
    return !allowed || allowed(v, axis);
  }

  // Cuts v further where `wish` begins as it is cut now; whether anything changed.
  bool Extend(uint32_t v, const Sharding& wish, const Condition& allowed) {
    bool changed = false;
    const graph::Shape shape = ShapeOf(v);
    for (size_t d = 0; d < shape.size(); ++d) {
      AxisList& mine = places_[v].dims[d];
      const AxisList& want = wish.dims[d];
      if (mine.size() >= want.size() || !std::equal(mine.begin(), mine.end(), want.begin()))
        continue;
      for (size_t k = mine.size(); k < want.size(); ++k) {
        AxisList longer = mine;
        longer.push_back(want[k]);
        if (places_[v].Uses(want[k]) || !Divides(longer, shape[d], mesh_) ||
            !Takes(v, want[k], allowed))
          break;
        places_[v].dims[d] = std::move(longer);
        changed = true;
      }
    }
    return changed;
  }

  bool SpreadNode(int n, const Condition& allowed) {
    const Node& node = graph_.nodes(n);
    const OpRule& rule = rules_[static_cast<size_t>(n)];
    FactorAxes axes(rule.factors.size());
    for (const bool fixed : {true, false}) {
      for (int o = 0; o < node.outputs_size(); ++o) {
        const uint32_t v = node.outputs(o);
        if (fixed_[v] == fixed)
          MergeAxes(rule,
                    ProjectSharding(rule, rule.outputs[static_cast<size_t>(o)], places_[v], mesh_),
                    mesh_, &axes);
      }
      for (int i = 0; i < node.inputs_size(); ++i) {
        const uint32_t v = node.inputs(i);
        if (fixed_[v] == fixed && !rule.any[static_cast<size_t>(i)])
          MergeAxes(rule,
                    ProjectSharding(rule, rule.inputs[static_cast<size_t>(i)], places_[v], mesh_),
                    mesh_, &axes);
      }
    }
    bool changed = false;
    for (int o = 0; o < node.outputs_size(); ++o)
      changed = Extend(node.outputs(o), ComposeSharding(rule.outputs[static_cast<size_t>(o)], axes),
                       allowed) ||
                changed;
    for (int i = 0; i < node.inputs_size(); ++i) {
      if (rule.any[static_cast<size_t>(i)]) continue;
      changed = Extend(node.inputs(i), ComposeSharding(rule.inputs[static_cast<size_t>(i)], axes),
                       allowed) ||
                changed;
    }
    return changed;
  }

  // A gradient is cut as its parameter is.
  bool LinkGradients(const Condition& allowed) {
    bool changed = false;
    for (const auto& [gradient, parameter] : gradients_)
      changed = Extend(gradient, places_[parameter], allowed) || changed;
    return changed;
  }

  // Forward and backward until nothing changes; cuts only grow, so it ends.
  void Spread(const Condition& allowed, const std::vector<bool>* only = nullptr) {
    for (bool changed = true; changed;) {
      changed = LinkGradients(allowed);
      for (int n = 0; n < graph_.nodes_size(); ++n) {
        if (only == nullptr || (*only)[static_cast<size_t>(n)])
          changed = SpreadNode(n, allowed) || changed;
      }
      for (int n = graph_.nodes_size() - 1; n >= 0; --n) {
        if (only == nullptr || (*only)[static_cast<size_t>(n)])
          changed = SpreadNode(n, allowed) || changed;
      }
    }
  }

  // ---- Sequence parallelism.

  void SequenceParallel() {
    const AxisList tensor = mesh_.OfKind(parallel::TENSOR_PARALLEL);
    if (!plan_.sequence_parallel() || tensor.empty()) return;
    const Condition activations = [&](uint32_t v, int) {
      return kinds_[v] == graph::INPUT_KIND_UNSPECIFIED && ValueAt(v).dims_size() >= 2;
    };
    for (const Node& node : graph_.nodes()) {
      if (node.op() != "embedding") continue;
      const uint32_t v = node.outputs(0);
      if (places_[v].dims.size() != 3) continue;
      Sharding wish = places_[v];
      wish.dims[1].insert(wish.dims[1].end(), tensor.begin(), tensor.end());
      Extend(v, wish, activations);
    }
    Spread(activations);
  }

  // ---- ZeRO.

  // `v` cut over the DATA axes along the first dim that they divide.
  void CutFurther(uint32_t v, const AxisList& data) {
    const graph::Shape shape = ShapeOf(v);
    for (size_t d = 0; d < shape.size(); ++d) {
      AxisList longer = places_[v].dims[d];
      longer.insert(longer.end(), data.begin(), data.end());
      if (shape[d].is_symbol() || !Divides(longer, shape[d], mesh_)) continue;
      if (std::any_of(data.begin(), data.end(), [&](int a) { return places_[v].Uses(a); })) return;
      places_[v].dims[d] = std::move(longer);
      return;
    }
  }

  void Zero() {
    const AxisList data = mesh_.OfKind(parallel::DATA_PARALLEL);
    const bool cuts = plan_.zero() != parallel::ZERO_STAGE_UNSPECIFIED && !data.empty();
    std::set<std::string> updated;
    for (const auto& update : graph_.updates()) {
      const uint32_t v = update.input();
      const bool state = kinds_[v] == graph::STATE;
      if (!state) updated.insert(ValueAt(v).name());
      if (cuts && (state || plan_.zero() == parallel::ZERO_3)) CutFurther(v, data);
      fixed_[v] = true;
    }
    std::vector<bool> gradient(places_.size());  // is one, or is made from one
    for (uint32_t v = 0; v < places_.size(); ++v) {
      if (updated.count(ValueAt(v).gradient_of()) == 0) continue;
      if (cuts && plan_.zero() >= parallel::ZERO_2) CutFurther(v, data);
      gradient[v] = fixed_[v] = true;
    }
    for (const auto& update : graph_.updates()) {
      places_[update.output()] = places_[update.input()];
      fixed_[update.output()] = true;
    }
    if (cuts) Spread({}, &OptimizerNodes(&gradient));
  }

  // The nodes that work on gradients.
  const std::vector<bool>& OptimizerNodes(std::vector<bool>* gradient) {
    optimizer_.assign(static_cast<size_t>(graph_.nodes_size()), false);
    std::vector<bool> marked = *gradient;
    for (int n = 0; n < graph_.nodes_size(); ++n) {
      const Node& node = graph_.nodes(n);
      const bool makes_gradient = std::any_of(node.outputs().begin(), node.outputs().end(),
                                              [&](uint32_t v) { return marked[v]; });
      const bool from_gradient = std::any_of(node.inputs().begin(), node.inputs().end(),
                                             [&](uint32_t v) { return (*gradient)[v]; });
      if (makes_gradient || !from_gradient) continue;
      optimizer_[static_cast<size_t>(n)] = true;
      for (uint32_t v : node.outputs()) (*gradient)[v] = true;
    }
    return optimizer_;
  }

  const Graph& graph_;
  const parallel::ParallelPlan& plan_;
  const Mesh mesh_;
  std::vector<OpRule> rules_;                             // of each node
  std::vector<Sharding> places_;                          // of each value
  std::vector<bool> fixed_;                               // not to be cut further
  std::vector<int> kinds_;                                // InputKind; 0 of what nodes make
  std::vector<bool> optimizer_;                           // of each node: works on gradients
  std::vector<std::pair<uint32_t, uint32_t>> gradients_;  // value, its parameter
};

}  // namespace

absl::StatusOr<Graph> AssignShardings(const Graph& global, const parallel::ParallelPlan& plan) {
  STRATA_ASSIGN_OR_RETURN(Mesh mesh, Mesh::Create(plan));
  STRATA_RETURN_IF_ERROR(graph::Verify(global));
  if (mesh.ranks() == 1 && plan.shardings().empty()) return global;  // nothing is cut
  absl::StatusOr<Graph> annotated = Propagator(global, plan, std::move(mesh)).Run();
  if (!annotated.ok())
    return Annotate(annotated.status(), absl::StrCat("graph '", global.name(), "'"));
  return annotated;
}

}  // namespace strata::distributed
