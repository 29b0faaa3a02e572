// What the array core's instructions compute, bit for bit as chips/npu/ISA.md says.
#ifndef STRATA_CHIPS_NPU_SIM_ARRAY_DATAPATH_H_
#define STRATA_CHIPS_NPU_SIM_ARRAY_DATAPATH_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "chips/npu/sim/core.h"
#include "chips/numerics/tensor_core.h"

namespace strata::chips::npu {

struct ArrayLayout {
  int64_t plane_pitch = 0;  // bytes from row to row of a weight plane
  int64_t plane_bytes = 0;  // from plane to plane
  int64_t lanes = 1;        // of the vector unit
  std::optional<Generation>
      products_as;  // whose tensor cores compute float products; unset: the array
};

// The image is written in place and must hold what the instructions touch: they are not checked again.
std::unique_ptr<Datapath> NewArrayDatapath(const ArrayLayout& layout, MemoryImage* image);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_ARRAY_DATAPATH_H_
