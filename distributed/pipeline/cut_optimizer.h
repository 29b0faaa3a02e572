// CutOptimizer: the optimizer of a training step as one program a pipeline rank.
//
// A rank updates the parameters that its stages read, and the optimizer state that goes with them. What depends on
// several ranks' gradients (the norm for clipping) every rank computes for itself, from addends that ranks exchange in
// between: so there are two programs a rank, `local` which makes what others need, and `update`. All ranks compute the
// same bits, for they add the same numbers in the order of the step.
#ifndef STRATA_DISTRIBUTED_PIPELINE_CUT_OPTIMIZER_H_
#define STRATA_DISTRIBUTED_PIPELINE_CUT_OPTIMIZER_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "distributed/pipeline/cut_stages.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

struct OptimizerPrograms {
  graph::Graph local;   // makes `exports`
  graph::Graph update;  // reads exports of all ranks by name; updates in place
  ValueNames exports;
  std::set<std::string> holds;  // PARAMETER and STATE inputs of the step that are kept on this rank
  std::vector<StageResult> results;
};

struct OptimizerCut {
  std::vector<OptimizerPrograms> ranks;          // of the pipeline
  std::map<std::string, graph::Value> exported;  // by name
  // Where each parameter is whose gradient is summed over microbatches: on more than one rank the sums are added.
  std::map<std::string, std::set<int>> holders;
};

// `stage_ranks[s]` are the pipeline ranks that hold stage s (two in bidirectional schedules). With `microbatches` above 1
// gradients are means of their sums. Programs read the sums by GradientSumName(). INVALID_ARGUMENT as AnalyseStep.
absl::StatusOr<OptimizerCut> CutOptimizer(const graph::Graph& step, const StageCut& cut,
                                          const std::vector<std::set<int>>& stage_ranks, int ranks,
                                          int microbatches);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PIPELINE_CUT_OPTIMIZER_H_
