#include "distributed/partition/lockstep.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distributed/partition/propagate.h"
#include "distributed/partition/shard_tensors.h"
#include "distributed/partition/spmd.h"
#include "framework/graph/attributes.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_def.h"
#include "framework/graph/ops/index.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;
using graph::Node;

// [begin, end) of dim d.
HostTensor SliceOf(const HostTensor& x, size_t d, int64_t begin, int64_t end) {
  std::vector<int64_t> dims = x.dims();
  dims[d] = end - begin;
  HostTensor y = HostTensor::Allocate(x.dtype(), dims);
  const size_t size = chips::SizeOf(x.dtype());
  for (graph::Index at(dims); at.more(); at.Next()) {
    graph::Dims from = at.index();
    from[d] += begin;
    std::memcpy(y.data<char>() + at.offset() * size,
                x.data<char>() + graph::Offset(from, x.dims()) * size, size);
  }
  return y;
}

HostTensor Join(const std::vector<HostTensor>& pieces, size_t d) {
  std::vector<int64_t> dims = pieces[0].dims();
  dims[d] *= static_cast<int64_t>(pieces.size());
  HostTensor y = HostTensor::Allocate(pieces[0].dtype(), dims);
  const size_t size = chips::SizeOf(y.dtype());
  for (graph::Index at(dims); at.more(); at.Next()) {
    graph::Dims from = at.index();
    const HostTensor& piece = pieces[static_cast<size_t>(from[d] / pieces[0].dims()[d])];
    from[d] %= pieces[0].dims()[d];
    std::memcpy(y.data<char>() + at.offset() * size,
                piece.data<char>() + graph::Offset(from, piece.dims()) * size, size);
  }
  return y;
}

HostTensor Reduce(const std::vector<HostTensor>& terms, const std::string& reduction) {
  std::vector<double> total = terms[0].ToDoubles();
  for (size_t t = 1; t < terms.size(); ++t) {
    const std::vector<double> more = terms[t].ToDoubles();
    for (size_t i = 0; i < total.size(); ++i)
      total[i] = reduction == "max" ? std::max(total[i], more[i]) : total[i] + more[i];
  }
  if (reduction == "mean") {
    for (double& x : total) x /= static_cast<double>(terms.size());
  }
  return HostTensor::FromDoubles(terms[0].dtype(), terms[0].dims(), total);
}

// What a collective gives the rank at `index` of a group whose operands are `x`, in the group's order.
absl::StatusOr<HostTensor> Collective(const Node& node, const std::vector<HostTensor>& x,
                                      size_t index) {
  const graph::AttributeReader attrs(node);
  const int64_t ranks = static_cast<int64_t>(x.size()), me = static_cast<int64_t>(index);
  const auto piece = [&](const HostTensor& whole, size_t d, int64_t r) {
    const int64_t size = whole.dims()[d] / ranks;
    return SliceOf(whole, d, r * size, (r + 1) * size);
  };
  const size_t axis = static_cast<size_t>(attrs.Int("axis"));
  const std::string& op = node.op();
  if (op == "all_reduce") return Reduce(x, attrs.String("reduction"));
  if (op == "all_gather") return Join(x, axis);
  if (op == "reduce_scatter") return piece(Reduce(x, attrs.String("reduction")), axis, me);
  if (op == "shard") return piece(x[index], axis, me);
  if (op == "collective_permute") {
    const int64_t from = ((me - attrs.Int("offset")) % ranks + ranks) % ranks;
    return x[static_cast<size_t>(from)].Clone();
  }
  if (op == "all_to_all") {
    std::vector<HostTensor> pieces;
    for (const HostTensor& theirs : x)
      pieces.push_back(piece(theirs, static_cast<size_t>(attrs.Int("split")), me));
    return Join(pieces, static_cast<size_t>(attrs.Int("concat")));
  }
  return absl::UnimplementedError(absl::StrCat("lockstep: collective '", op, "'"));
}

class Machine {
 public:
  Machine(const Mesh& mesh, const graph::Graph& graph) : mesh_(mesh), graph_(graph) {}

  absl::StatusOr<RankTensors> Run(const RankTensors& inputs) {
    values_.assign(inputs.size(),
                   std::vector<HostTensor>(static_cast<size_t>(graph_.values_size())));
    for (size_t r = 0; r < inputs.size(); ++r) {
      for (int i = 0; i < graph_.inputs_size(); ++i)
        values_[r][graph_.inputs(i).value()] = inputs[r][static_cast<size_t>(i)];
    }
    for (const Node& node : graph_.nodes())
      STRATA_RETURN_IF_ERROR(
          Annotate(RunNode(node), absl::StrCat(node.op(), " @ ", node.origin())));
    RankTensors outputs(inputs.size());
    for (size_t r = 0; r < inputs.size(); ++r) {
      for (const auto& output : graph_.outputs()) outputs[r].push_back(values_[r][output.value()]);
    }
    return outputs;
  }

 private:
  absl::Status RunNode(const Node& node) {
    const graph::OpDef* def = graph::OpRegistry::Get().Find(node.op());
    if (def->op_class == graph::OpClass::kCollective) return RunCollective(node);
    for (size_t r = 0; r < values_.size(); ++r) {
      std::vector<HostTensor> operands;
      for (uint32_t v : node.inputs()) operands.push_back(values_[r][v]);
      STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> results,
                              graph::EvaluateNode(node, operands));
      for (int o = 0; o < node.outputs_size(); ++o)
        values_[r][node.outputs(o)] = results[static_cast<size_t>(o)];
    }
    return absl::OkStatus();
  }

  absl::Status RunCollective(const Node& node) {
    AxisList axes;
    const std::string group = graph::AttributeReader(node).String("group");
    for (const std::string& name :
         std::vector<std::string>(absl::StrSplit(group, ',', absl::SkipEmpty())))
      axes.push_back(mesh_.Find(name));
    for (size_t r = 0; r < values_.size(); ++r) {
      const size_t index = static_cast<size_t>(mesh_.IndexIn(axes, static_cast<int64_t>(r)));
      HostTensor& result = values_[r][node.outputs(0)];
      if (node.op() == "rank_index") {
        result = HostTensor::FromVector<int32_t>({}, {static_cast<int32_t>(index)});
        continue;
      }
      std::vector<HostTensor> operands(static_cast<size_t>(mesh_.Size(axes)));
      for (size_t other = 0; other < values_.size(); ++other) {
        if (!SameGroup(axes, static_cast<int64_t>(r), static_cast<int64_t>(other))) continue;
        operands[static_cast<size_t>(mesh_.IndexIn(axes, static_cast<int64_t>(other)))] =
            values_[other][node.inputs(0)];
      }
      STRATA_ASSIGN_OR_RETURN(result, Collective(node, operands, index));
    }
    return absl::OkStatus();
  }

  // Whether two ranks differ in `axes` only.
  bool SameGroup(const AxisList& axes, int64_t a, int64_t b) const {
    const std::vector<int64_t> x = mesh_.Coordinates(a), y = mesh_.Coordinates(b);
    for (int i = 0; i < mesh_.axes(); ++i) {
      const bool free = std::find(axes.begin(), axes.end(), i) != axes.end();
      if (!free && x[static_cast<size_t>(i)] != y[static_cast<size_t>(i)]) return false;
    }
    return true;
  }

  const Mesh& mesh_;
  const graph::Graph& graph_;
  RankTensors values_;  // [rank][value]
};

// Ranks that hold the same piece must hold the same bits.
absl::Status CheckReplicas(const std::vector<HostTensor>& pieces, const Sharding& sharding,
                           const Mesh& mesh) {
  AxisList cut;
  for (const AxisList& axes : sharding.dims) cut.insert(cut.end(), axes.begin(), axes.end());
  std::vector<int64_t> first(static_cast<size_t>(mesh.Size(cut)), -1);
  for (int64_t r = 0; r < mesh.ranks(); ++r) {
    int64_t& owner = first[static_cast<size_t>(mesh.IndexIn(cut, r))];
    if (owner < 0) owner = r;
    const HostTensor &a = pieces[static_cast<size_t>(owner)], &b = pieces[static_cast<size_t>(r)];
    if (a.TypeString() == b.TypeString() && std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0)
      continue;
    return absl::InternalError(
        absl::StrCat("ranks ", owner, " and ", r, " have the same piece but other bits"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RankTensors> RunLockstep(const graph::Graph& graph, const Mesh& mesh,
                                        const RankTensors& inputs) {
  STRATA_ASSIGN_OR_RETURN(const auto sizes, graph::MatchInputs(graph, inputs[0]));
  STRATA_ASSIGN_OR_RETURN(const graph::Graph bound, graph::BindSymbols(graph, sizes));
  return Machine(mesh, bound).Run(inputs);
}

absl::StatusOr<std::vector<HostTensor>> RunPartitioned(const graph::Graph& global,
                                                       const parallel::ParallelPlan& plan,
                                                       bool assign,
                                                       const std::vector<HostTensor>& inputs) {
  STRATA_ASSIGN_OR_RETURN(const Mesh mesh, Mesh::Create(plan));
  graph::Graph annotated = global;
  if (assign) {
    STRATA_ASSIGN_OR_RETURN(annotated, AssignShardings(global, plan));
  }
  STRATA_ASSIGN_OR_RETURN(const graph::Graph mine, PartitionSpmd(annotated, plan));
  RankTensors pieces;
  for (int64_t r = 0; r < mesh.ranks(); ++r) {
    STRATA_ASSIGN_OR_RETURN(pieces.emplace_back(), ShardInputs(mine, inputs, mesh, r));
  }
  STRATA_ASSIGN_OR_RETURN(const RankTensors results, RunLockstep(mine, mesh, pieces));
  std::vector<HostTensor> outputs;
  for (int o = 0; o < mine.outputs_size(); ++o) {
    graph::Value value = mine.values(static_cast<int>(mine.outputs(o).value()));
    for (graph::Dim& dim : *value.mutable_dims())
      dim.set_symbol("any");  // the dims are those of the piece
    STRATA_ASSIGN_OR_RETURN(const Sharding sharding, ShardingOf(value, mesh));
    std::vector<HostTensor> of_ranks;
    for (const auto& rank : results) of_ranks.push_back(rank[static_cast<size_t>(o)]);
    STRATA_RETURN_IF_ERROR(
        Annotate(CheckReplicas(of_ranks, sharding, mesh), mine.outputs(o).name()));
    STRATA_ASSIGN_OR_RETURN(HostTensor whole, JoinTensor(of_ranks, sharding, mesh));
    outputs.push_back(std::move(whole));
  }
  return outputs;
}

}  // namespace strata::distributed
