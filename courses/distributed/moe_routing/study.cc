#include "courses/distributed/moe_routing/study.h"

#include <algorithm>

#include "framework/graph/interpreter.h"
#include "framework/nn/moe_experts.h"

namespace strata::courses {
namespace {

using distributed::ExpertPlacement;
using graph::Attr;
using graph::HostTensor;

// The choices that get no place when each expert has `factor` times its share of places.
absl::StatusOr<double> Dropped(const RoutingRun& run, const MoeShape& shape, double factor) {
  const int64_t capacity =
      framework::ExpertCapacity(run.ids.dims()[1], shape.per_token, shape.experts, factor);
  graph::Node node;
  node.set_op("moe_slots");
  graph::SetAttributes({{"experts", Attr(shape.experts)}, {"capacity", Attr(capacity)}}, &node);
  STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> outputs,
                          graph::EvaluateNode(node, {run.ids}));
  const int32_t* slot = outputs[0].data<int32_t>();
  const int64_t choices = outputs[0].elements();
  return static_cast<double>(std::count(slot, slot + choices, -1)) / static_cast<double>(choices);
}

absl::StatusOr<DropCurve> DropsOf(const RoutingRun& run, const MoeShape& shape) {
  DropCurve curve;
  curve.balance = run.balance;
  const double most = static_cast<double>(shape.experts) / static_cast<double>(shape.per_token);
  for (double factor = 0.25; factor <= most; factor += 0.25) {
    STRATA_ASSIGN_OR_RETURN(const double dropped, Dropped(run, shape, factor));
    curve.factors.push_back(factor);
    curve.dropped.push_back(dropped);
  }
  return curve;
}

// Experts in order; the same number of slots, packed by load; spare slots for replicas.
absl::Status AddTraffic(const StudyOptions& options, const RoutingRun& run, RoutingStudy* study) {
  const int ranks = static_cast<int>(options.task.groups);
  const int experts = static_cast<int>(options.shape.experts);
  const std::vector<double> loads = ChoicesOf(run, experts);
  STRATA_ASSIGN_OR_RETURN(const ExpertPlacement in_order,
                          distributed::ContiguousPlacement(experts, ranks));
  STRATA_ASSIGN_OR_RETURN(const ExpertPlacement packed,
                          distributed::PlaceExperts(loads, ranks, experts / ranks));
  STRATA_ASSIGN_OR_RETURN(
      const ExpertPlacement replicas,
      distributed::PlaceExperts(loads, ranks, experts / ranks + options.spare_slots));
  const std::pair<const char*, const ExpertPlacement*> placements[] = {
      {"experts in order", &in_order}, {"packed by load", &packed}, {"with replicas", &replicas}};
  for (const auto& [name, placement] : placements) {
    STRATA_ASSIGN_OR_RETURN(ExpertTraffic traffic, RunOnRanks(name, run, *placement));
    study->traffic.push_back(std::move(traffic));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RoutingStudy> RunStudy(const StudyOptions& options) {
  RoutingStudy study;
  study.options = options;
  for (const Balance balance :
       {Balance::kNone, Balance::kLoss, Balance::kBias, Balance::kExpertChoice}) {
    STRATA_ASSIGN_OR_RETURN(RoutingRun run,
                            TrainRouter(balance, options.task, options.shape, options.steps));
    study.runs.push_back(std::move(run));
    if (balance == Balance::kExpertChoice) continue;
    STRATA_ASSIGN_OR_RETURN(DropCurve curve, DropsOf(study.runs.back(), options.shape));
    study.drops.push_back(std::move(curve));
  }
  STRATA_RETURN_IF_ERROR(AddTraffic(options, study.runs.front(), &study));
  return study;
}

}  // namespace strata::courses
