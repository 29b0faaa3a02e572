#include "chips/cost/register_cost_models.h"

#include "chips/cost/cost_model.h"
#include "chips/cost/null_cost_model.h"
#include "chips/cost/roofline.h"

namespace strata::chips {

void RegisterCostModels() {
  CostModelRegistry().Register("null", [] { return MakeNullCostModel(); });
  CostModelRegistry().Register("roofline", [] { return MakeRooflineCostModel(); });
}

}  // namespace strata::chips
