// OptimizerRunner: the end of a step on one rank of a pipeline, after the last slot.
//
// 1. Sums of gradients of parameters that several ranks hold (tied weights, bidirectional schedules) are added: the
//    lowest holder adds those of the others in order and sends the total back, all parameters of the same holders in one
//    message, so that all have the same bits.
// 2. Each rank makes what others need of its gradients (addends of the norm), and all ranks exchange it (all_gather).
// 3. The update.
#ifndef STRATA_DISTRIBUTED_PIPELINE_OPTIMIZER_RUNNER_H_
#define STRATA_DISTRIBUTED_PIPELINE_OPTIMIZER_RUNNER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/pipeline/cut_optimizer.h"
#include "distributed/pipeline/microbatch_memory.h"
#include "framework/graph/evaluator.h"

namespace strata::distributed {

class OptimizerRunner {
 public:
  // `cut` with the programs of this rank, and the values that are exported, as they are on this rank. `peers` are the
  // ranks of the pipeline in order; it and `evaluator` outlive this.
  OptimizerRunner(OptimizerCut cut, graph::Evaluator& evaluator, compiler::Collectives& peers);

  // `data` has the scalar DATA inputs; `state` parameters, state and sums: updated in place. Returns the step's outputs
  // that this rank's programs make, by their names in the step.
  absl::StatusOr<Tensors> Run(const Tensors& data, const Tensors& state);

  // Bytes of an export, of all ranks; what an all_gather gets of each.
  int64_t exchange_bytes() const { return exchange_bytes_; }

 private:
  absl::Status AddSums(const std::set<int>& holders, const std::vector<std::string>& names,
                       const Tensors& state);
  absl::Status Exchange(Tensors* values);
  int64_t ExportBytes(size_t rank) const;

  const OptimizerCut cut_;
  graph::Evaluator& evaluator_;
  compiler::Collectives& peers_;
  std::map<std::set<int>, std::vector<std::string>> shared_;  // sums, by holders
  int64_t exchange_bytes_ = 0;
};

// Runs a program on tensors by name and adds its outputs to `values`. NOT_FOUND names an input that neither has.
absl::Status RunByName(const graph::Graph& program, const Tensors& state,
                       graph::Evaluator& evaluator, Tensors* values);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PIPELINE_OPTIMIZER_RUNNER_H_
