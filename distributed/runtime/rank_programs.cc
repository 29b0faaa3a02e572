#include "distributed/runtime/rank_programs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/partition/buckets.h"
#include "distributed/partition/propagate.h"
#include "distributed/partition/spmd.h"
#include "distributed/pipeline/cut_stages.h"
#include "distributed/pipeline/program_writer.h"
#include "distributed/plan/validate.h"
#include "distributed/schedule/plan.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/verifier.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using graph::Value;

bool HasBatch(const Value& value) {
  return value.dims_size() > 0 && value.dims(0).symbol() == kBatchSymbol;
}

const Value& ValueOf(const Graph& graph, uint32_t id) { return graph.values(static_cast<int>(id)); }

class Maker {
 public:
  Maker(const Graph& step, const parallel::ParallelPlan& plan) : step_(step), plan_(plan) {}

  absl::StatusOr<RankPrograms> Run(int64_t rank, int64_t rows) {
    STRATA_RETURN_IF_ERROR(Annotate(parallel::ValidateParallelPlan(plan_), "parallel plan"));
    STRATA_ASSIGN_OR_RETURN(programs_.mesh, Mesh::Create(plan_));
    programs_.rank = rank;
    programs_.microbatches = plan_.microbatches();
    FindPipelineRank();
    STRATA_ASSIGN_OR_RETURN(const Graph bound, Bind(rows));
    STRATA_ASSIGN_OR_RETURN(const Graph annotated, AssignShardings(bound, plan_));
    Describe(annotated);
    if (programs_.pipeline_axis.empty() && programs_.microbatches == 1) {
      STRATA_ASSIGN_OR_RETURN(programs_.whole, PartitionSpmd(annotated, plan_));
      KeepState(annotated, nullptr);
    } else {
      STRATA_RETURN_IF_ERROR(MakePipeline(annotated));
    }
    for (const Graph* program : ProgramsOf(programs_))
      for (const graph::Input& input : program->inputs())
        programs_.reads.insert(ValueOf(*program, input.value()).name());
    return std::move(programs_);
  }

 private:
  void FindPipelineRank() {
    const std::vector<int64_t> coordinates = programs_.mesh.Coordinates(programs_.rank);
    for (int axis : programs_.mesh.OfKind(parallel::PIPELINE_PARALLEL)) {
      programs_.pipeline_axis = programs_.mesh.axis(axis).name;
      programs_.pipeline_rank = static_cast<int>(coordinates[static_cast<size_t>(axis)]);
    }
  }

  absl::StatusOr<Graph> Bind(int64_t rows) {
    for (const graph::Input& input : step_.inputs()) {
      const Value& value = ValueOf(step_, input.value());
      if (input.kind() == graph::DATA && HasBatch(value)) programs_.batched.insert(value.name());
    }
    const int64_t m = programs_.microbatches;
    if (programs_.batched.empty()) {
      if (m == 1 || TakeAsMicrobatch(rows / m)) return step_;
      return absl::InvalidArgumentError(absl::StrCat(
          "graph '", step_.name(), "' cannot be run on ", rows, " rows in ", m,
          " microbatches: no DATA input has the leading dim '", kBatchSymbol, "' or ", rows / m));
    }
    if (rows < 1 || rows % m != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("a batch of ", rows, " rows cannot be cut into ", m, " equal microbatches"));
    }
    return graph::BindSymbols(step_, {{kBatchSymbol, rows / m}});
  }

  // A step without the symbol is that of one microbatch. Whether its DATA inputs have so many rows.
  bool TakeAsMicrobatch(int64_t rows) {
    for (const graph::Input& input : step_.inputs()) {
      const Value& value = ValueOf(step_, input.value());
      if (input.kind() == graph::DATA && value.dims_size() > 0 && value.dims(0).size() == rows)
        programs_.batched.insert(value.name());
    }
    return !programs_.batched.empty();
  }

  void Describe(const Graph& annotated) {
    for (const graph::Input& input : annotated.inputs())
      if (input.kind() == graph::DATA) programs_.data.push_back(ValueOf(annotated, input.value()));
    std::set<uint32_t> updated;
    for (const graph::Update& update : annotated.updates()) updated.insert(update.output());
    for (const graph::Output& output : annotated.outputs())
      if (updated.count(output.value()) == 0)
        programs_.outputs[output.name()] = ValueOf(annotated, output.value());
  }

  void KeepState(const Graph& annotated, const std::set<std::string>* holds) {
    for (const graph::Input& input : annotated.inputs()) {
      const Value& value = ValueOf(annotated, input.value());
      if (input.kind() == graph::DATA) continue;
      if (holds == nullptr || holds->count(value.name()) > 0) programs_.state.push_back(value);
    }
  }

  absl::StatusOr<schedule::Schedule> ScheduleOfPlan() const {
    if (!programs_.pipeline_axis.empty()) return schedule::ReadFromPlan(plan_);
    schedule::Schedule one = {"accumulate", 1, static_cast<int>(programs_.microbatches), 1, {{}}};
    for (int i = 0; i < one.microbatches; ++i) {
      one.slots[0].push_back({schedule::SlotKind::kForward, i, 0});
      one.slots[0].push_back({schedule::SlotKind::kBackward, i, 0});
    }
    return one;
  }

  StagePatterns Patterns() const {
    if (programs_.pipeline_axis.empty()) return {{"*"}};
    StagePatterns patterns;
    for (const parallel::Chunk& chunk : plan_.chunks())
      patterns.emplace_back(chunk.nodes().begin(), chunk.nodes().end());
    return patterns;
  }

  absl::Status Partition(Graph* program) const {
    if (program->nodes_size() == 0) return absl::OkStatus();
    STRATA_ASSIGN_OR_RETURN(*program, PartitionSpmd(*program, plan_));
    return absl::OkStatus();
  }

  Value LocalValue(Value value) const {
    graph::SetType(LocalType(value, programs_.mesh), &value);
    return value;
  }

  absl::Status MakePipeline(const Graph& annotated) {
    PipelinePart part;
    STRATA_ASSIGN_OR_RETURN(part.schedule, ScheduleOfPlan());
    STRATA_ASSIGN_OR_RETURN(part.communication, schedule::CommunicationOf(part.schedule));
    CutOptions options;
    options.recompute = plan_.recompute();
    for (const auto& slots : part.schedule.slots)
      for (const schedule::Slot& slot : slots)
        options.split_weight = options.split_weight || slot.kind == schedule::SlotKind::kWeight;
    STRATA_ASSIGN_OR_RETURN(StageCut cut, CutStages(annotated, Patterns(), options));
    std::vector<std::set<int>> placement;
    std::set<int> mine;
    for (const std::vector<int>& ranks : schedule::HoldersOf(part.schedule)) {
      placement.emplace_back(ranks.begin(), ranks.end());
      if (placement.back().count(programs_.pipeline_rank) > 0)
        mine.insert(static_cast<int>(placement.size()) - 1);
    }
    STRATA_ASSIGN_OR_RETURN(part.optimizer,
                            CutOptimizer(annotated, cut, placement, part.schedule.ranks,
                                         static_cast<int>(programs_.microbatches)));
    STRATA_RETURN_IF_ERROR(TakeStages(std::move(cut), mine, &part));
    STRATA_RETURN_IF_ERROR(TakeOptimizer(annotated, &part));
    BucketSums(&part);
    programs_.pipeline = std::move(part);
    return absl::OkStatus();
  }

  absl::Status TakeStages(StageCut cut, const std::set<int>& mine, PipelinePart* part) {
    for (const auto& [name, value] : cut.crossing) part->stages.crossing[name] = LocalValue(value);
    for (size_t s = 0; s < cut.stages.size(); ++s) {
      StagePrograms& stage = cut.stages[s];
      for (const StageResult& result : stage.results) {
        if (result.combine != graph::MEAN) {
          return absl::UnimplementedError(absl::StrCat(
              "output '", result.output, "' of several microbatches is not a mean over the batch"));
        }
        part->results.push_back(result);
      }
      if (mine.count(static_cast<int>(s)) == 0) continue;
      part->stages.stages[static_cast<int>(s)] = std::move(stage);
    }
    return PartitionStages(part);
  }

  // Sums over ranks are taken out before what is left of them is joined in buckets.
  absl::Status PartitionStages(PipelinePart* part) {
    parallel::ParallelPlan unbucketed = plan_;
    unbucketed.clear_bucket_bytes();
    std::vector<Graph*> programs;
    for (auto& [chunk, stage] : part->stages.stages)
      for (Graph* program : {&stage.forward, &stage.backward, &stage.weight})
        if (program->nodes_size() > 0) programs.push_back(program);
    for (Graph* program : programs) {
      STRATA_ASSIGN_OR_RETURN(*program, PartitionSpmd(*program, unbucketed));
    }
    sums_ = DeferSums(programs);
    for (Graph* program : programs) {
      STRATA_ASSIGN_OR_RETURN(*program, BucketCollectives(*program, plan_.bucket_bytes()));
    }
    return absl::OkStatus();
  }

  // As many of one group and dtype as plan.bucket_bytes holds, one at least.
  void BucketSums(PipelinePart* part) const {
    std::map<std::string, graph::TensorType> types;
    for (const Value& sum : programs_.sums) types[sum.name()] = LocalType(sum, programs_.mesh);
    using Key = std::pair<std::string, chips::DType>;  // group, dtype
    std::map<Key, std::pair<size_t, int64_t>> open;    // bucket, bytes
    for (const DeferredSum& sum : sums_) {
      const graph::TensorType& type = types.at(sum.sum);
      const int64_t bytes = type.size_bytes();
      const auto [it, fresh] = open.try_emplace({sum.group, type.dtype}, part->deferred.size(), 0);
      auto& [bucket, filled] = it->second;
      if (!fresh && filled + bytes > plan_.bucket_bytes()) {
        bucket = part->deferred.size();
        filled = 0;
      }
      if (bucket == part->deferred.size()) part->deferred.emplace_back();
      part->deferred[bucket].push_back(sum);
      filled += bytes;
    }
  }

  absl::Status TakeOptimizer(const Graph& annotated, PipelinePart* part) {
    for (auto& [name, value] : part->optimizer.exported) value = LocalValue(value);
    OptimizerPrograms& mine = part->optimizer.ranks[static_cast<size_t>(programs_.pipeline_rank)];
    STRATA_RETURN_IF_ERROR(Partition(&mine.local));
    STRATA_RETURN_IF_ERROR(Partition(&mine.update));
    KeepState(annotated, &mine.holds);
    for (const Value& value : annotated.values()) {
      const auto holders = part->optimizer.holders.find(value.gradient_of());
      if (holders == part->optimizer.holders.end()) continue;
      if (holders->second.count(programs_.pipeline_rank) == 0) continue;
      programs_.sums.push_back(value);
      programs_.sums.back().set_name(GradientSumName(value.gradient_of()));
    }
    return absl::OkStatus();
  }

  const Graph& step_;
  const parallel::ParallelPlan& plan_;
  RankPrograms programs_;
  std::vector<DeferredSum> sums_;
};

}  // namespace

std::vector<const Graph*> ProgramsOf(const RankPrograms& programs) {
  std::vector<const Graph*> all;
  if (programs.whole) all.push_back(&*programs.whole);
  if (programs.pipeline) {
    for (const auto& [chunk, stage] : programs.pipeline->stages.stages)
      for (const Graph* program : {&stage.forward, &stage.backward, &stage.weight})
        all.push_back(program);
    const OptimizerPrograms& mine =
        programs.pipeline->optimizer.ranks[static_cast<size_t>(programs.pipeline_rank)];
    all.push_back(&mine.local);
    all.push_back(&mine.update);
  }
  std::erase_if(all, [](const Graph* program) { return program->nodes_size() == 0; });
  return all;
}

graph::TensorType LocalType(const Value& value, const Mesh& mesh) {
  graph::TensorType type = graph::TypeOf(value);
  const absl::StatusOr<Sharding> sharding = ShardingOf(value, mesh);
  if (sharding.ok()) type.shape = LocalShape(type.shape, *sharding, mesh);
  return type;
}

absl::StatusOr<RankPrograms> MakeRankPrograms(const Graph& step, const parallel::ParallelPlan& plan,
                                              int64_t rank, int64_t rows) {
  STRATA_RETURN_IF_ERROR(graph::Verify(step));
  return Maker(step, plan).Run(rank, rows);
}

}  // namespace strata::distributed
