#include "chips/cost/null_cost_model.h"

namespace strata::chips {
namespace {

class NullCostModel : public CostModel {
 public:
  absl::StatusOr<Estimate> Predict(const Chip& chip, const WorkItem& work) const override {
    STRATA_RETURN_IF_ERROR(ValidateWorkItem(work));
    Estimate estimate;
    estimate.overhead_seconds = chip.launch_overhead_seconds().value();
    estimate.seconds = estimate.overhead_seconds;
    return estimate;
  }
};

}  // namespace

std::unique_ptr<CostModel> MakeNullCostModel() { return std::make_unique<NullCostModel>(); }

}  // namespace strata::chips
