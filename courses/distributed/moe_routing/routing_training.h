// Trains one mixture of experts on the skewed task with one way of keeping experts busy, and writes down the loads.
#ifndef STRATA_COURSES_DISTRIBUTED_MOE_ROUTING_ROUTING_TRAINING_H_
#define STRATA_COURSES_DISTRIBUTED_MOE_ROUTING_ROUTING_TRAINING_H_

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "courses/distributed/moe_routing/skewed_task.h"

namespace strata::courses {

enum class Balance {
  kNone,          // softmax, top-k
  kLoss,          // with the balance loss of GShard and Switch, and a little z-loss
  kBias,          // sigmoid scores and a bias for the choice, moved after each step (DeepSeek-V3)
  kExpertChoice,  // experts choose tokens
};

std::string BalanceName(Balance balance);

struct MoeShape {
  int64_t experts = 8;
  int64_t per_token = 2;
  int64_t hidden = 16;
};

struct RoutingRun {
  Balance balance = Balance::kNone;
  std::vector<double> losses;              // by step: the mean square error, without balance losses
  std::vector<std::vector<double>> loads;  // by step, by expert: choices of the batch
  std::map<std::string, graph::HostTensor> parameters;  // trained, by name
  // On tokens that were not trained on: the batch, the choices [G, N, k] i32 and their weights. Not of kExpertChoice.
  SkewedBatch batch;
  graph::HostTensor ids, weights;
  double underserved = 0;  // the share of these tokens that fewer than `per_token` experts work on
};

// On the reference interpreter: the same numbers on every machine.
absl::StatusOr<RoutingRun> TrainRouter(Balance balance, const SkewedTask& task,
                                       const MoeShape& shape, int steps);

// Of loads: the largest over the mean, and the entropy over its largest, log(#experts).
double MaxOverMean(const std::vector<double>& loads);
double RelativeEntropy(const std::vector<double>& loads);

// The sum of the loads of the last `steps` steps.
std::vector<double> LastLoads(const RoutingRun& run, size_t steps);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_MOE_ROUTING_ROUTING_TRAINING_H_
