// The least cost model: every kernel costs its launch. A file to copy, and a baseline that shows what
// a model's opinion changes.
#ifndef STRATA_CHIPS_COST_NULL_COST_MODEL_H_
#define STRATA_CHIPS_COST_NULL_COST_MODEL_H_

#include <memory>

#include "chips/cost/cost_model.h"

namespace strata::chips {

std::unique_ptr<CostModel> MakeNullCostModel();

}  // namespace strata::chips

#endif  // STRATA_CHIPS_COST_NULL_COST_MODEL_H_
