// ShardTrainee: data-parallel training whose bits do not depend on the number of ranks, so that a run that shrinks from 8
// ranks to 6 and grows again has the loss curve of one that never did.
//
//   MicroShardModel model = {gradient_graph, names, initial, data};
//   STRATA_ASSIGN_OR_RETURN(auto trainee, ShardTrainee::Create(model, {.shards = 24}, collectives));
//   STRATA_ASSIGN_OR_RETURN(double loss, trainee->Step(1));
//
// The batch of a step is a fixed number of micro-shards, whatever the number of ranks. Each micro-shard's gradient is a
// run of the same graph on its data: the same bits wherever it runs. They are summed in a fixed tree (GradientSum). The
// optimizer (Adam) is elementwise: each rank updates a slice of all parameters laid end to end, with that slice's moments
// (ZeRO-1), and all gather the slices. What is saved: every parameter by its name (each rank has it whole), and the moments
// as slices of "optimizer.m" and "optimizer.v".
//
// Audit, every audit_every steps: each rank evaluates the micro-shards of the next rank a second time and compares. Where
// they differ, all ranks evaluate that micro-shard and the majority says who was wrong: the owner or its auditor. So a bit
// that flips while a gradient is computed, in an audited step, is named too (three ranks or more). It doubles the step.
#ifndef STRATA_DISTRIBUTED_ELASTIC_SHARD_TRAINEE_H_
#define STRATA_DISTRIBUTED_ELASTIC_SHARD_TRAINEE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/elastic/gradient_sum.h"
#include "distributed/elastic/trainee.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

struct MicroShardModel {
  // Inputs: the data of a micro-shard, then the parameters. Outputs: its loss, then the parameters' gradients. All f32 but
  // the data.
  graph::Graph gradient;
  std::vector<std::string> names;          // of the parameters, each once
  std::vector<graph::HostTensor> initial;  // their values before the first step
  // The data of a micro-shard of a step; the same values wherever it is called.
  std::function<std::vector<graph::HostTensor>(int64_t step, int shard)> data;
};

struct ShardTraineeOptions {
  int shards = 24;  // micro-shards of a step: at least the most ranks there will be
  double learning_rate = 0.01;
  std::string evaluator = "reference";  // of EvaluatorRegistry()
  int audit_every = 0;                  // steps; 0: never
  // For tests: memory that a fault may change. "leaf" (a micro-shard's gradient as evaluated) and GradientSum's.
  std::function<void(int64_t step, const char* where, absl::Span<float> values)> tap;
};

class ShardTrainee : public Trainee {
 public:
  // INVALID_ARGUMENT when the graph is not of this form or there are more ranks than micro-shards. `model.data` is kept,
  // `collectives` must outlive it.
  static absl::StatusOr<std::unique_ptr<ShardTrainee>> Create(const MicroShardModel& model,
                                                              const ShardTraineeOptions& options,
                                                              compiler::Collectives& collectives);

  absl::StatusOr<double> Step(int64_t number) override;
  std::vector<ShardedTensor> State() override;
  int culprit() const override { return culprit_; }

 private:
  ShardTrainee(const MicroShardModel& model, const ShardTraineeOptions& options,
               compiler::Collectives& collectives);
  absl::Status Prepare();
  // A micro-shard's gradients end to end, and its loss behind them: parameters_ + 1 floats.
  absl::StatusOr<std::vector<float>> Leaf(int64_t step, int shard);
  absl::Status Audit(int64_t step, const std::vector<std::vector<float>>& leaves);
  // One checksum of a micro-shard's gradient, and whose it is.
  struct Witness {
    int rank = 0;
    int64_t checksum = 0;
  };
  absl::Status ThirdOpinion(int64_t step, int shard, Witness owner, Witness auditor);
  absl::Status Update(int64_t step, const std::vector<float>& sum);
  int64_t SliceBegin(int rank) const { return parameters_ * rank / collectives_.size(); }

  const MicroShardModel model_;
  const ShardTraineeOptions options_;
  compiler::Collectives& collectives_;
  const FixedTree tree_;
  std::unique_ptr<graph::Evaluator> evaluator_;
  int64_t parameters_ = 0;                // elements of all of them
  graph::HostTensor flat_;                // [parameters_], end to end
  std::vector<graph::HostTensor> views_;  // of flat_, one a parameter
  graph::HostTensor m_, v_;               // moments of this rank's slice
  graph::Graph update_;                   // of this rank's slice
  std::unique_ptr<GradientSum> sum_;
  int culprit_ = -1;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_SHARD_TRAINEE_H_
