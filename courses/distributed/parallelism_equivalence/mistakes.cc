#include "courses/distributed/parallelism_equivalence/mistakes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distributed/partition/lockstep.h"
#include "distributed/partition/propagate.h"
#include "distributed/partition/shard_tensors.h"
#include "distributed/partition/spmd.h"
#include "distributed/testing/tiny_models.h"
#include "distributed/testing/tiny_plans.h"
#include "framework/graph/attributes.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/interpreter.h"

namespace strata::courses {
namespace {

using distributed::Mesh;
using distributed::RankTensors;
using graph::Graph;
using graph::HostTensor;

constexpr int64_t kRows = 4;

double Largest(const std::vector<double>& values) {
  double largest = 0;
  for (double x : values) largest = std::max(largest, std::fabs(x));
  return largest;
}

double GreatestDifference(const std::vector<double>& a, const std::vector<double>& b) {
  double greatest = 0;
  for (size_t i = 0; i < a.size(); ++i) greatest = std::max(greatest, std::fabs(a[i] - b[i]));
  return greatest;
}

// The step on one device and, cut by a plan, on ranks.
class Study {
 public:
  static absl::StatusOr<Study> Create(const std::string& name,
                                      const distributed::TinyParallelism& parallelism) {
    Study study;
    study.name_ = name;
    distributed::TinyModel model;
    model.gradient_outputs = true;
    STRATA_ASSIGN_OR_RETURN(const Graph symbolic, distributed::TinyTrainingStep(model));
    STRATA_ASSIGN_OR_RETURN(study.step_, graph::BindSymbols(symbolic, {{"B", kRows}}));
    STRATA_ASSIGN_OR_RETURN(const parallel::ParallelPlan plan,
                            distributed::TinyPlan(model, parallelism));
    STRATA_ASSIGN_OR_RETURN(study.mesh_, Mesh::Create(plan));
    STRATA_ASSIGN_OR_RETURN(const Graph annotated, distributed::AssignShardings(study.step_, plan));
    STRATA_ASSIGN_OR_RETURN(study.rank_graph_, distributed::PartitionSpmd(annotated, plan));
    STRATA_RETURN_IF_ERROR(study.MakeInputs());
    return study;
  }

  const Graph& rank_graph() const { return rank_graph_; }

  absl::StatusOr<Mistake> Judge(const Graph& graph) const {
    STRATA_ASSIGN_OR_RETURN(const RankTensors outputs,
                            distributed::RunLockstep(graph, mesh_, inputs_));
    Mistake mistake{.plan = name_, .what = "none"};
    for (int i = 0; i < graph.outputs_size(); ++i) {
      const std::string& name = graph.outputs(i).name();
      STRATA_ASSIGN_OR_RETURN(const double off, OffBy(graph, outputs, i));
      if (name == "loss") {
        mistake.loss = off;
      } else if (!absl::StartsWith(name, "grad.")) {
        mistake.update = std::max(mistake.update, off);
      } else if (off > mistake.gradient) {
        mistake.gradient = off;
        mistake.worst = name.substr(5);
      }
    }
    return mistake;
  }

 private:
  absl::Status MakeInputs() {
    std::map<std::string, HostTensor> values = distributed::TinyBatch(step_, kRows, 1);
    values.merge(distributed::TinyState(step_, 1));
    std::vector<HostTensor> whole;
    for (const graph::Input& input : step_.inputs())
      whole.push_back(values.at(step_.values(static_cast<int>(input.value())).name()));
    for (int64_t rank = 0; rank < mesh_.ranks(); ++rank) {
      STRATA_ASSIGN_OR_RETURN(std::vector<HostTensor> mine,
                              ShardInputs(rank_graph_, whole, mesh_, rank));
      inputs_.push_back(std::move(mine));
    }
    std::vector<HostTensor> copies;  // the step updates its inputs
    for (const HostTensor& tensor : whole) copies.push_back(tensor.Clone());
    STRATA_ASSIGN_OR_RETURN(right_, graph::Interpreter().Evaluate(step_, copies));
    return absl::OkStatus();
  }

  // Of the rank that is furthest off, relative to the largest element of the whole.
  absl::StatusOr<double> OffBy(const Graph& graph, const RankTensors& outputs, int output) const {
    const HostTensor& right = right_[static_cast<size_t>(output)];
    const double scale = std::max(Largest(right.ToDoubles()), 1e-3);
    const graph::Value& value = graph.values(static_cast<int>(graph.outputs(output).value()));
    STRATA_ASSIGN_OR_RETURN(const distributed::Sharding sharding,
                            distributed::ShardingOf(value, mesh_));
    double off = 0;
    for (int64_t rank = 0; rank < mesh_.ranks(); ++rank) {
      STRATA_ASSIGN_OR_RETURN(const HostTensor want, ShardTensor(right, sharding, mesh_, rank));
      const HostTensor& got = outputs[static_cast<size_t>(rank)][static_cast<size_t>(output)];
      off = std::max(off, GreatestDifference(got.ToDoubles(), want.ToDoubles()) / scale);
    }
    return off;
  }

  std::string name_;
  Graph step_, rank_graph_;
  Mesh mesh_;
  RankTensors inputs_;
  std::vector<HostTensor> right_;
};

// The rank keeps its own part.
Graph LeaveOut(Graph graph, int node) {
  const uint32_t from = graph.nodes(node).outputs(0), to = graph.nodes(node).inputs(0);
  for (graph::Node& reader : *graph.mutable_nodes()) {
    for (uint32_t& input : *reader.mutable_inputs()) input = input == from ? to : input;
  }
  for (graph::Output& output : *graph.mutable_outputs()) {
    if (output.value() == from) output.set_value(to);
  }
  for (graph::Update& update : *graph.mutable_updates()) {
    if (update.output() == from) update.set_output(to);
  }
  return graph;
}

Graph Average(Graph graph, int node) {
  graph::Attributes attributes = graph::GetAttributes(graph.nodes(node));
  attributes["reduction"] = graph::Attr("mean");
  graph::SetAttributes(attributes, graph.mutable_nodes(node));
  return graph;
}

// The gradient of a key's bias is 0 but for rounding: it moves all scores of a query alike. No mistake in its sum shows.
bool IsOfKeyBias(const std::string& where) {
  return absl::StartsWith(where, "sum_to") && absl::EndsWith(where, ".attn.k");
}

std::string Where(const Graph& graph, int node) {
  const std::string& origin = graph.nodes(node).origin();
  const std::string& value = graph.values(static_cast<int>(graph.nodes(node).outputs(0))).name();
  return absl::StrCat(value, " of ", origin.substr(0, origin.find(" (")));
}

}  // namespace

absl::StatusOr<std::vector<Mistake>> MakeMistakes() {
  std::vector<Mistake> mistakes;
  for (const auto& [name, parallelism] :
       std::vector<std::pair<std::string, distributed::TinyParallelism>>{{"dp2", {.dp = 2}},
                                                                         {"tp2", {.tp = 2}}}) {
    STRATA_ASSIGN_OR_RETURN(const Study study, Study::Create(name, parallelism));
    const Graph& graph = study.rank_graph();
    STRATA_ASSIGN_OR_RETURN(Mistake none, study.Judge(graph));
    mistakes.push_back(std::move(none));
    for (int node = 0; node < graph.nodes_size(); ++node) {
      if (graph.nodes(node).op() != "all_reduce" || IsOfKeyBias(Where(graph, node))) continue;
      const bool sums = graph::AttributeReader(graph.nodes(node)).String("reduction") == "sum";
      for (const char* what : {"left out", "mean for sum"}) {
        const bool average = what[0] == 'm';
        if (average && !sums) continue;
        STRATA_ASSIGN_OR_RETURN(
            Mistake made, study.Judge(average ? Average(graph, node) : LeaveOut(graph, node)));
        made.what = what;
        made.where = Where(graph, node);
        mistakes.push_back(std::move(made));
      }
    }
  }
  return mistakes;
}

}  // namespace strata::courses
