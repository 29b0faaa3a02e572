// What the DaVinci core computes: chips/npu/davinci/ISA.md, to the bit.
#ifndef STRATA_CHIPS_NPU_DAVINCI_DAVINCI_DATAPATH_H_
#define STRATA_CHIPS_NPU_DAVINCI_DAVINCI_DATAPATH_H_

#include <memory>

#include "chips/npu/sim/core.h"

namespace strata::chips::npu::davinci {

// Keeps a reference to the image.
std::unique_ptr<Datapath> NewDavinciDatapath(MemoryImage* image);

}  // namespace strata::chips::npu::davinci

#endif  // STRATA_CHIPS_NPU_DAVINCI_DAVINCI_DATAPATH_H_
