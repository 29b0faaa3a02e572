// RankPrograms: all that one rank of a plan runs in a step of training, made from the step's graph: the front end of
// RankStep and of the models of its traffic and memory.
//
//   STRATA_ASSIGN_OR_RETURN(RankPrograms programs, MakeRankPrograms(step, plan, /*rank=*/3, /*rows=*/8));
//
// Without a pipeline and with one microbatch that is one graph, `whole`; else the stages and the optimizer of a cut step
// (distributed/pipeline), each partitioned on its own, and the schedule that runs them. A step of several microbatches
// without a pipeline is a pipeline of one rank.
#ifndef STRATA_DISTRIBUTED_RUNTIME_RANK_PROGRAMS_H_
#define STRATA_DISTRIBUTED_RUNTIME_RANK_PROGRAMS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "distributed/partition/sharding.h"
#include "distributed/pipeline/cut_optimizer.h"
#include "distributed/pipeline/pipeline_executor.h"
#include "distributed/plan/parallel_plan.pb.h"
#include "distributed/runtime/deferred_sums.h"
#include "distributed/schedule/messages.h"
#include "distributed/schedule/schedule.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

struct PipelinePart {
  schedule::Schedule schedule;
  schedule::Communication communication;
  RankStages stages;
  OptimizerCut optimizer;  // the programs of this rank are partitioned; exports have local dims
  std::vector<StageResult> results;  // of the stages of all ranks
  // Sums of gradients that are added up over ranks after the last microbatch, those of one message together.
  std::vector<std::vector<DeferredSum>> deferred;
};

struct RankPrograms {
  Mesh mesh;
  int64_t rank = 0;
  int64_t microbatches = 1;
  std::string pipeline_axis;  // "" without one
  int pipeline_rank = 0;

  // Global types with shardings, of the step bound to the rows of a microbatch.
  std::vector<graph::Value> data;  // DATA inputs
  std::set<std::string> batched;   // of them: cut into microbatches along dim 0
  std::vector<graph::Value>
      state;  // PARAMETER and STATE inputs kept on this rank, in the step's order
  std::vector<graph::Value> sums;               // sums of gradients over microbatches
  std::map<std::string, graph::Value> outputs;  // of the step that are no updates, by output name
  std::set<std::string> reads;                  // inputs of this rank's programs, by name

  std::optional<graph::Graph> whole;
  std::optional<PipelinePart> pipeline;
};

// `rows` of the global batch are what the symbol "B" (kBatchSymbol) stands for; microbatches must divide it. A step
// without the symbol is that of one microbatch. INVALID_ARGUMENT as the partitioner, the schedule and the cut;
// UNIMPLEMENTED for an output of forward in a pipeline that is not a mean.
absl::StatusOr<RankPrograms> MakeRankPrograms(const graph::Graph& step,
                                              const parallel::ParallelPlan& plan, int64_t rank,
                                              int64_t rows);

// The programs of this rank, in no order; those without nodes are left out.
std::vector<const graph::Graph*> ProgramsOf(const RankPrograms& programs);

// The type that a value has on a rank.
graph::TensorType LocalType(const graph::Value& value, const Mesh& mesh);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_RUNTIME_RANK_PROGRAMS_H_
