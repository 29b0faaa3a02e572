// CutStages: a training step cut into the programs of a pipeline. Each is an ordinary graph with explicit inputs and
// outputs, bound by the names that values have in the step.
//
//   STRATA_ASSIGN_OR_RETURN(StageCut cut, CutStages(step, {{"wte", "wpe", "h.0"}, {"h.1", "ln_f", "lm_head", "loss"}}, {}));
//   // per microbatch: cut.stages[0].forward, cut.stages[1].forward, cut.stages[1].backward, cut.stages[0].backward
//
// A stage's forward makes the activations for the next stage and those that its own backward reads; its backward makes
// the gradients for the stage before and adds parameter gradients to their sums (STATE inputs "sum.<parameter>",
// updated in place). With `split_weight` the nodes that lead to one parameter's gradient and to nothing else run in a
// third program, when the schedule wants (zero-bubble schedules: Qi et al., Zero Bubble Pipeline Parallelism, 2023).
// With `recompute` only what a stage received is kept, and backward makes the rest again (Chen et al., Training Deep
// Nets with Sublinear Memory Cost, 2016).
//
// What skips a stage is handed on through it, so that stages talk to their neighbours only. Values that depend on no
// batch (constants, positions, casts of parameters) are made again where they are read. The gradient of a parameter that
// several stages read (tied weights) is summed in each of them; the optimizer adds these sums.
#ifndef STRATA_DISTRIBUTED_PIPELINE_CUT_STAGES_H_
#define STRATA_DISTRIBUTED_PIPELINE_CUT_STAGES_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "distributed/pipeline/assign_stages.h"
#include "distributed/pipeline/step_anatomy.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

using ValueNames = std::vector<std::string>;

// An output of the step that forward makes, microbatch by microbatch.
struct StageResult {
  std::string value;   // its name among the program's outputs
  std::string output;  // the step's name for it
  graph::Combine combine = graph::COMBINE_UNSPECIFIED;
};

struct StagePrograms {
  graph::Graph forward, backward, weight;  // weight has no nodes when weights are not split off

  ValueNames activations_in, activations_out;  // from the stage before, to the next one
  ValueNames gradients_in, gradients_out;      // from the next stage, to the one before
  std::set<std::string> backward_reads;        // of what forward had or made
  std::set<std::string> weight_reads;          // of what forward and backward had or made
  std::set<std::string>
      parameters;                   // PARAMETER and STATE inputs of the step that the programs read
  std::set<std::string> gradients;  // parameters whose gradients are summed here
  std::vector<StageResult> results;
};

struct StageCut {
  std::vector<StagePrograms> stages;
  std::map<std::string, graph::Value> crossing;  // what goes between stages, by name
};

struct CutOptions {
  bool split_weight = false;
  bool recompute = false;
};

// `step` verifies; its values carry their shardings already when the programs are to be partitioned. INVALID_ARGUMENT as
// AnalyseStep and AssignStages, and when no node belongs to a stage.
absl::StatusOr<StageCut> CutStages(const graph::Graph& step, const StagePatterns& stages,
                                   const CutOptions& options);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PIPELINE_CUT_STAGES_H_
