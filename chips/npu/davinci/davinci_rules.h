// What the DaVinci core's document says beside its table.
#ifndef STRATA_CHIPS_NPU_DAVINCI_DAVINCI_RULES_H_
#define STRATA_CHIPS_NPU_DAVINCI_DAVINCI_RULES_H_

#include <vector>

#include "chips/npu/isa/isa.h"

namespace strata::chips::npu::davinci {

std::vector<NamedRow> DavinciRules();

}  // namespace strata::chips::npu::davinci

#endif  // STRATA_CHIPS_NPU_DAVINCI_DAVINCI_RULES_H_
