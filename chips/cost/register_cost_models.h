// Which cost models there are: called by the tops that pick one by name.
#ifndef STRATA_CHIPS_COST_REGISTER_COST_MODELS_H_
#define STRATA_CHIPS_COST_REGISTER_COST_MODELS_H_

namespace strata::chips {

// Puts "roofline" and "null" into CostModelRegistry(). May be called again.
void RegisterCostModels();

}  // namespace strata::chips

#endif  // STRATA_CHIPS_COST_REGISTER_COST_MODELS_H_
